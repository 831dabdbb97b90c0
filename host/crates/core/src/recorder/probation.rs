//! The time after a swap in which a policy that fails is taken out again.

use std::sync::Arc;

use mcp_audit_log_contract::settings::SettingChange;
use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log_model::time::Timestamp;

use super::active::ActivePolicy;

/// How many events it lasts.
pub const PROBATION_EVENTS: usize = 1_000;
/// How many of them may fail.
const FAILED: usize = PROBATION_EVENTS / 2;
/// After how many events a policy that fails on every one is taken out.
const EVERY: usize = 50;

/// The method of the entry about it.
const ROLLED_BACK: &str = "policy.rolled_back";

/// A probation that another run of the log began.
#[derive(Clone, Debug)]
pub struct UnfinishedProbation {
    /// What comes back.
    pub before: ActivePolicy,
    /// How many events there were since the swap.
    pub judged: usize,
    /// How many of them the policy or an extension failed on.
    pub failed: usize,
}

/// The first events after a swap.
#[derive(Debug)]
pub(super) struct Probation {
    /// What comes back.
    pub(super) before: Arc<ActivePolicy>,
    judged: usize,
    failed: usize,
}

impl Probation {
    /// Begins after a swap.
    pub(super) fn of(before: Arc<ActivePolicy>) -> Self {
        Self { before, judged: 0, failed: 0 }
    }

    /// Goes on after a start.
    pub(super) fn resumed(UnfinishedProbation { before, judged, failed }: UnfinishedProbation) -> Self {
        Self { before: Arc::new(before), judged, failed }
    }

    /// Counts judged events, and those of them that the policy or an extension failed on. Those behind the last one that
    /// counts change nothing.
    pub(super) fn judged(&mut self, events: usize, failed: usize) {
        if !self.is_over() {
            self.judged += events;
            self.failed += failed;
        }
    }

    /// The settings were changed meanwhile.
    pub(super) fn changed(&mut self, settings: &[SettingChange]) {
        self.before = Arc::new(self.before.with_allowed(settings));
    }

    /// Whether the policy is to be taken out.
    pub(super) fn has_failed(&self, active: &ActivePolicy) -> bool {
        let on_every = self.judged >= EVERY && self.failed == self.judged;
        on_every || self.failed >= FAILED || active.policy.health().check().is_err()
    }

    /// Whether the policy stays.
    pub(super) fn is_over(&self) -> bool {
        self.rest() == 0
    }

    /// How many events it still lasts.
    pub(super) fn rest(&self) -> usize {
        PROBATION_EVENTS.saturating_sub(self.judged)
    }

    /// The entry about the policy before, which is active again.
    pub(super) fn event(&self, failing: &ActivePolicy, now: Timestamp) -> Event {
        let event = Event::new(now, Channel::System, Kind::System, OutcomeDetail::Ok);
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let manifest = self.before.policy.manifest();
        let event = Event { method: Some(ROLLED_BACK.to_owned()), ..event }
            .fact("audit_policy", format!("{} {}", manifest.name, manifest.version))
            .fact("policy_digests", self.before.record().digests().join(", "))
            .fact("before_digests", failing.record().digests().join(", "));
        event.fact("automatic", true).fact("judged", number(self.judged)).fact("failed", number(self.failed))
    }
}
