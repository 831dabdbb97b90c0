//! Statistics of the whole log, for monitoring. They contain no names.

use std::sync::atomic::Ordering;

use super::AuditLog;
use crate::policy::Health;
use crate::publish::DestinationStatus;
use crate::recorder::Gauges;
use crate::schedule::CronState;
use crate::store::Extent;
use crate::time::Timestamp;

/// The state of the log. Values that the store cannot read at present are absent.
pub(crate) struct LogStatistics<'a> {
    pub(crate) gauges: &'a Gauges,
    /// How the policy is doing.
    pub(crate) policy: &'a Health,
    pub(crate) followers: usize,
    pub(crate) opened: Timestamp,
    pub(crate) extent: Option<Extent>,
    /// The newest checkpoint: how many entries it is about, and when it was signed.
    pub(crate) checkpoint: Option<(u64, Timestamp)>,
    /// Checkpoints that could not be signed or stored.
    pub(crate) unsigned: u64,
    /// Where checkpoints are published.
    pub(crate) places: Vec<DestinationStatus>,
    /// The scheduled job that ran last.
    pub(crate) cleanup: Option<CronState>,
}

impl AuditLog {
    fn newest_mark(&self) -> Option<(u64, Timestamp)> {
        let newest = self.0.view.files.newest_checkpoint().ok()??.checkpoint;
        Some((newest.size, newest.signed_at))
    }

    /// The figures as of now; blocks.
    pub(crate) fn figures(&self) -> LogStatistics<'_> {
        let crons = self.0.view.files.crons().unwrap_or_default();
        LogStatistics {
            gauges: self.0.recorder.gauges(),
            policy: self.policy().health(),
            followers: self.followers(),
            opened: self.0.opened,
            checkpoint: self.newest_mark(),
            unsigned: self.0.checkpoints.failed.load(Ordering::Relaxed),
            places: self.0.checkpoints.publisher.statuses(),
            extent: self.0.view.files.extent().ok(),
            cleanup: crons.into_values().filter(|cron| cron.last_run.is_some()).max_by_key(|cron| cron.last_run),
        }
    }
}
