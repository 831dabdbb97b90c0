//! Steps of time: the distance between the points of a series, and the time units of groups and of cells of usage.
//! Days and weeks are those of a time zone.

use mcp_audit_log_model::time::{DAY, HOUR, Timestamp};
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::vocabulary;

/// The most points of a series. For a step with more points, the next longer step is used.
pub const MAX_POINTS: i64 = 2_400;

vocabulary! {
    /// The distance between the points of a series.
    #[derive(Default)]
    UsageStep {
        /// An hour.
        Hour = "hour",
        /// A day; 23 or 25 hours when the clocks change.
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

    /// Its usual length in microseconds.
    pub fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
        }
    }
}

/// Steps of a length in a time zone, numbered. Hours are those of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) step: UsageStep,
    pub(crate) zone: TimeZone,
}

/// How many steps before 1970 the numbering has room for: more hours than microseconds in 64 bits can express.
const BEFORE: i64 = 1 << 32;
/// 1970 began on a Thursday.
const MONDAY: i64 = 3;

impl Steps {
    /// The steps that cells of usage are kept by.
    pub(crate) fn utc(step: UsageStep) -> Self {
        Self { step, zone: TimeZone::UTC }
    }

    /// The number of the step that contains a moment.
    pub(crate) fn number(self, micros: i64) -> u64 {
        let day = || self.zone.day(Timestamp::from_micros(micros));
        let number = match self.step {
            UsageStep::Hour => micros.div_euclid(HOUR),
            UsageStep::Day => day(),
            UsageStep::Week => (day() + MONDAY).div_euclid(7),
        };
        (number + BEFORE).unsigned_abs()
    }

    /// The first moment of the step with this number, in microseconds.
    pub(crate) fn start(self, number: u64) -> i64 {
        let number = number as i64 - BEFORE;
        match self.step {
            UsageStep::Hour => number.saturating_mul(HOUR),
            UsageStep::Day => self.zone.start_of(number).as_micros(),
            UsageStep::Week => self.zone.start_of(number.saturating_mul(7).saturating_sub(MONDAY)).as_micros(),
        }
    }

    /// Whether all steps of a range of microseconds begin with an hour of UTC, so that cells by hour add up to them.
    pub(crate) fn has_whole_hours(self, range: &std::ops::Range<i64>) -> bool {
        let (first, last) = (self.number(range.start), self.number(range.end));
        (self.zone == TimeZone::UTC || self.step == UsageStep::Hour)
            || (first..=last).all(|number| self.start(number) % HOUR == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_steps_stay_few() {
        let at = |text: &str| Timestamp::parse(text).expect("a moment").as_micros();
        let start = |steps: Steps, text: &str| steps.start(steps.number(at(text)));
        let week = Steps::utc(UsageStep::Week);
        assert_eq!(start(week, "2026-11-22T23:00:00Z"), at("2026-11-16"));
        assert_eq!(start(week, "2026-11-23"), at("2026-11-23"));
        assert_eq!(start(week, "1969-12-28T12:00:00Z"), at("1969-12-22"));
        assert_eq!(UsageStep::Hour.fitting(99 * DAY), UsageStep::Hour);
        assert_eq!(UsageStep::Hour.fitting(101 * DAY), UsageStep::Day);
        assert_eq!(UsageStep::Hour.fitting(i64::MAX), UsageStep::Week);
        let suits = [DAY, 7 * DAY, 90 * DAY, 400 * DAY].map(UsageStep::for_length);
        assert_eq!(suits, [UsageStep::Hour, UsageStep::Day, UsageStep::Day, UsageStep::Week]);
    }

    #[test]
    fn steps_are_those_of_a_zone() {
        let at = |text: &str| Timestamp::parse(text).expect("a moment").as_micros();
        let steps = |step, name: &str| Steps { step, zone: TimeZone::parse(name).expect("a zone") };
        let october = at("2026-10-20")..at("2026-10-30");
        for (name, monday, is_whole) in [
            ("Europe/Vienna", "2026-10-25T23:00:00Z", true),
            ("Asia/Kolkata", "2026-10-25T18:30:00Z", false),
            ("America/New_York", "2026-10-26T04:00:00Z", true),
        ] {
            for step in [UsageStep::Day, UsageStep::Week] {
                let steps = steps(step, name);
                let number = steps.number(at(monday));
                assert_eq!(steps.start(number), at(monday), "{name}");
                assert_eq!(steps.number(at(monday) - 1), number - 1, "{name}");
                assert_eq!(steps.has_whole_hours(&october), is_whole, "{name}");
            }
        }
    }
}
