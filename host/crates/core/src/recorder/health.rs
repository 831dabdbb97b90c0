//! Whether entries become durable and the policy works, and a short reason if not.

use std::sync::atomic::Ordering;

use super::Gauges;
use mcp_audit_log_sandbox::{Health, PolicyFailure};

/// Why the log is not to be relied on at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// The recorder has ended: the log is closed, or its thread failed.
    #[error("the audit log is closed")]
    Stopped,
    /// Commits fail and are tried again.
    #[error("the log is not writable")]
    Failing,
    /// The queue is full, so that events are dropped.
    #[error("the audit log cannot keep up: its queue is full")]
    Full,
    /// Entries are stored, but the policy fails: events are unjudged, or every viewer is denied.
    #[error("{}", .0.sentence())]
    Policy(PolicyFailure),
}

impl Unready {
    pub(super) fn of(running: bool, gauges: &Gauges, policy: &Health) -> Result<(), Self> {
        if !running {
            return Err(Self::Stopped);
        }
        if gauges.failing.load(Ordering::Relaxed) > 0 {
            return Err(Self::Failing);
        }
        if gauges.is_full() {
            return Err(Self::Full);
        }
        policy.check().map_err(Self::Policy)
    }

    /// The name of the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "recorder-stopped",
            Self::Failing => "store-failing",
            Self::Full => "queue-full",
            Self::Policy(PolicyFailure::Judge) => "policy-failing-judge",
            Self::Policy(PolicyFailure::Access) => "policy-failing-access",
        }
    }
}
