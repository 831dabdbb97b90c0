//! The log in figures, for whoever watches the process. They are about the log as a whole and name nobody.

use super::AuditLog;
use crate::recorder::Gauges;
use crate::schedule::CronState;
use crate::store::Extent;
use crate::time::Timestamp;

/// How the log is doing. What the store cannot tell at present is absent.
pub(crate) struct Figures<'a> {
    pub(crate) gauges: &'a Gauges,
    pub(crate) followers: usize,
    pub(crate) opened: Timestamp,
    pub(crate) extent: Option<Extent>,
    /// The scheduled job that ran last.
    pub(crate) cleanup: Option<CronState>,
}

impl AuditLog {
    /// The figures as of now; blocks.
    pub(crate) fn figures(&self) -> Figures<'_> {
        let crons = self.0.view.files.crons().unwrap_or_default();
        Figures {
            gauges: self.0.recorder.gauges(),
            followers: self.followers(),
            opened: self.0.opened,
            extent: self.0.view.files.extent().ok(),
            cleanup: crons.into_values().filter(|cron| cron.last_run.is_some()).max_by_key(|cron| cron.last_run),
        }
    }
}
