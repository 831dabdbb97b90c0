//! Whether entries become durable, and in one word why not.

use std::sync::atomic::Ordering;

use super::Gauges;

/// Why what is recorded does not reach the disk at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// The recorder has ended: the log is closed, or its thread failed.
    #[error("the audit log is closed")]
    Stopped,
    /// Commits fail and are tried again.
    #[error("the audit log cannot be written at present")]
    Failing,
    /// The queue is full, so that events are dropped.
    #[error("the audit log cannot keep up: its queue is full")]
    Full,
}

impl Unready {
    pub(super) fn of(running: bool, gauges: &Gauges) -> Result<(), Self> {
        if !running {
            return Err(Self::Stopped);
        }
        if gauges.failing.load(Ordering::Relaxed) > 0 {
            return Err(Self::Failing);
        }
        if gauges.is_full() { Err(Self::Full) } else { Ok(()) }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "recorder-stopped",
            Self::Failing => "store-failing",
            Self::Full => "queue-full",
        }
    }
}
