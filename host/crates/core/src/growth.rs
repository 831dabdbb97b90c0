//! The growth of the log, and its estimated size at the retention period.

use schemars::JsonSchema;
use serde::Serialize;

use mcp_audit_log_index::LogStats;
use mcp_audit_log_model::time::{DAY, SECOND, Timestamp};

/// The period that is measured.
const WINDOW: i64 = 7 * DAY;
/// A shorter period is too short to extrapolate to a day.
const LEAST: i64 = 3_600 * SECOND;

/// The growth per day, or the size of a number of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Growth {
    /// Entries.
    pub entries: u64,
    /// Bytes on disk, from the average size of an entry.
    pub bytes: u64,
}

impl Growth {
    /// The beginning of the measured period for a log of this size at `now`; `None` if the log is too young or empty.
    pub(crate) fn since(extent: &LogStats, now: Timestamp) -> Option<Timestamp> {
        let since = extent.oldest?.max(now.plus(-WINDOW));
        (now.as_micros() - since.as_micros() >= LEAST).then_some(since)
    }

    /// The daily share of `entries` that were recorded between `since` and `now`.
    pub(crate) fn a_day(extent: &LogStats, entries: u64, since: Timestamp, now: Timestamp) -> Self {
        let period = (now.as_micros() - since.as_micros()).max(1).unsigned_abs();
        let a_day = share(entries, DAY.unsigned_abs(), period);
        // Multiply before dividing: a small log grows by less than an entry a day.
        let bytes = share(share(extent.bytes, entries, extent.entries.max(1)), DAY.unsigned_abs(), period);
        Self { entries: a_day, bytes }
    }

    /// The size of this many days.
    pub fn over(self, days: u64) -> Self {
        Self { entries: self.entries.saturating_mul(days), bytes: self.bytes.saturating_mul(days) }
    }
}

fn share(number: u64, part: u64, of: u64) -> u64 {
    let share = u128::from(number) * u128::from(part) / u128::from(of.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_measured_over_the_last_days_only() {
        let at = |days: i64| Timestamp::EPOCH.plus(days * DAY);
        let extent = |oldest| LogStats { entries: 1_000, bytes: 500_000, oldest: Some(oldest), ..LogStats::default() };
        assert_eq!(Growth::since(&extent(at(0)), at(30)), Some(at(23)), "seven days");
        assert_eq!(Growth::since(&extent(at(28)), at(30)), Some(at(28)), "since the beginning");
        assert_eq!(Growth::since(&extent(at(30)), at(30).plus(LEAST - 1)), None, "too young");
        assert_eq!(Growth::since(&LogStats::default(), at(30)), None, "empty");
        let growth = Growth::a_day(&extent(at(0)), 70, at(23), at(30));
        assert_eq!(growth, Growth { entries: 10, bytes: 5_000 });
        assert_eq!(growth.over(90), Growth { entries: 900, bytes: 450_000 });
        assert_eq!(Growth::a_day(&extent(at(0)), u64::MAX, at(0), at(0)).over(u64::MAX).entries, u64::MAX);
    }
}
