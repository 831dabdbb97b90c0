//! Steps of time: the distance between the points of a series, and the time units of groups and of cells of usage.

use mcp_audit_log_model::time::{DAY, HOUR};
use mcp_audit_log_model::vocabulary;

/// The most points of a series. For a step with more points, the next longer step is used.
pub const MAX_POINTS: i64 = 2_400;

vocabulary! {
    /// The distance between the points of a series, in UTC.
    #[derive(Default)]
    UsageStep {
        /// An hour.
        Hour = "hour",
        /// A day.
        #[default]
        Day = "day",
        /// A week, from Monday on.
        Week = "week",
    }
}

impl UsageStep {
    /// The default step for a range of `micros` microseconds.
    pub fn for_length(micros: i64) -> Self {
        match micros / DAY {
            ..=3 => Self::Hour,
            4..=180 => Self::Day,
            _ => Self::Week,
        }
    }

    /// This step, or the next longer one with which `micros` microseconds do not have too many points.
    pub(crate) fn fitting(self, micros: i64) -> Self {
        let fits = |step: &Self| micros / step.micros() < MAX_POINTS;
        Self::ALL.iter().copied().skip(self as usize).find(fits).unwrap_or(Self::Week)
    }

    /// Its length in microseconds.
    pub fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
        }
    }

    /// The beginning of the step that contains `micros`.
    pub(crate) fn start(self, micros: i64) -> i64 {
        // 1970 began on a Thursday.
        let offset = if self == Self::Week { 4 * DAY } else { 0 };
        let (micros, length) = (micros.saturating_sub(offset), self.micros());
        micros.div_euclid(length).saturating_mul(length).saturating_add(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::time::Timestamp;

    #[test]
    fn a_week_begins_on_monday_and_steps_stay_few() {
        let at = |text: &str| Timestamp::parse(text).expect("a moment").as_micros();
        assert_eq!(UsageStep::Week.start(at("2026-11-22T23:00:00Z")), at("2026-11-16"));
        assert_eq!(UsageStep::Week.start(at("2026-11-23")), at("2026-11-23"));
        assert_eq!(UsageStep::Hour.fitting(99 * DAY), UsageStep::Hour);
        assert_eq!(UsageStep::Hour.fitting(101 * DAY), UsageStep::Day);
        assert_eq!(UsageStep::Hour.fitting(i64::MAX), UsageStep::Week);
        let suits = [DAY, 7 * DAY, 90 * DAY, 400 * DAY].map(UsageStep::for_length);
        assert_eq!(suits, [UsageStep::Hour, UsageStep::Day, UsageStep::Day, UsageStep::Week]);
    }
}
