//! How a page shows moments: on a clock of the viewer's time zone, seen at one moment.

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;

/// The moment at which a page is seen, and the viewer's zone.
#[derive(Clone, Copy)]
pub(crate) struct PageClock {
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
}

impl PageClock {
    /// The clock of this viewer at `now`.
    pub(crate) fn new(now: Timestamp, access: &Grant) -> Self {
        Self { now, zone: access.zone() }
    }

    /// The time since a recent moment; otherwise its date.
    pub(crate) fn ago(self, at: Timestamp) -> String {
        self.zone.ago(at, self.now)
    }

    /// The time until a near moment; otherwise its date.
    pub(crate) fn ahead(self, at: Timestamp) -> String {
        self.zone.ahead(at, self.now)
    }

    /// The moment to the millisecond.
    pub(crate) fn exact(self, at: Timestamp) -> String {
        self.zone.exact(at)
    }

    /// The same, and in UTC where that differs: the text that is shown on hover.
    pub(crate) fn both(self, at: Timestamp) -> String {
        self.zone.both(at)
    }

    /// The moment in words: to the second, or only the day.
    pub(crate) fn moment(self, at: Timestamp) -> String {
        self.zone.moment(at)
    }

    /// The end of a range in words: the last day that is included, or the moment to the second.
    pub(crate) fn until(self, at: Timestamp) -> String {
        self.zone.until(at)
    }
}
