//! Time: the one type for a moment, and the one module that reads the system's clock.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in microseconds since 1970-01-01 UTC.
///
/// Written as RFC 3339 in UTC with six decimals, as in `2026-11-21T02:09:46.000123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Microseconds in one second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in one hour.
pub const HOUR: i64 = 3_600 * SECOND;
/// Microseconds in one day of 24 hours.
pub const DAY: i64 = 86_400 * SECOND;

impl Timestamp {
    /// 1970-01-01 UTC.
    pub const EPOCH: Self = Self(0);

    /// The moment `micros` microseconds after the epoch, kept within what a calendar can print (years −9999 to 9999).
    pub fn from_micros(micros: i64) -> Self {
        const YEARS_9999: i64 = 253_402_300_799 * SECOND;
        Self(micros.clamp(-YEARS_9999, YEARS_9999))
    }

    /// The moment `seconds` after the epoch, for moments that are known when this is compiled.
    #[doc(hidden)]
    pub const fn from_seconds(seconds: i32) -> Self {
        Self(seconds as i64 * SECOND)
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// This moment moved by `micros`, which may be negative.
    pub fn plus(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// The first moment of this moment's hour in UTC.
    pub fn start_of_hour(self) -> Self {
        Self(self.0.div_euclid(HOUR) * HOUR)
    }

    /// The first moment of this moment's day in UTC.
    pub fn start_of_day(self) -> Self {
        Self(self.0.div_euclid(DAY) * DAY)
    }

    /// Reads RFC 3339 (`2026-11-21T02:09:46Z`) or a plain date (`2026-11-21`, its first moment in UTC).
    pub fn parse(text: &str) -> Option<Self> {
        let date = || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
        let moment =
            DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok().or_else(|| date().map(|at| at.and_utc()))?;
        Some(Self::from_micros(moment.timestamp_micros()))
    }

    /// Reads what [`Timestamp::parse`] reads, or how long after `now` it is, as [`parse_span`] reads it: `90d`.
    pub fn parse_ahead(text: &str, now: Self) -> Option<Self> {
        Self::parse(text).or_else(|| Some(now.plus(parse_span(text)?)))
    }

    /// The same moment as the calendar crate's type.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

/// The units of a span, for errors.
pub const SPAN_UNITS: &str = "us, ms, s, m, h, d or w";

/// Reads a span of time, a whole number and its unit (`800us`, `5ms`, `30s`, `15m`, `24h`, `7d`, `2w`), in microseconds:
/// the one grammar of options, parameters and filters.
pub fn parse_span(text: &str) -> Option<i64> {
    let number = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "us" => 1,
        "ms" => SECOND / 1_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<i64>().ok().filter(|_| is_plain)?.checked_mul(unit)
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self::from_micros(at.timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected a time in RFC 3339"))
    }
}

/// A source of the time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }
}

/// A clock that stands still until it is set, for tests of retention and schedule.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves the clock by `micros`, which may be negative.
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_rfc_3339_with_microseconds() {
        let at = Timestamp::from_micros(1_795_226_986_000_123);
        assert_eq!(at.to_string(), "2026-11-21T02:09:46.000123Z");
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse("2026-11-21T04:09:46.000123+02:00"), Some(at));
        assert_eq!(Timestamp::parse("2026-11-21"), Some(at.start_of_day()));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn reads_relative_times_in_the_future() {
        let now = Timestamp::from_micros(7);
        assert_eq!(Timestamp::parse_ahead("90d", now), Some(now.plus(90 * DAY)));
        assert_eq!(Timestamp::parse_ahead("2w", now), Some(now.plus(14 * DAY)));
        assert_eq!(Timestamp::parse_ahead("5m", now), Some(now.plus(300 * SECOND)));
        assert_eq!(Timestamp::parse_ahead("2026-11-21", now), Timestamp::parse("2026-11-21"));
        for wrong in ["", "d", "-1d", "1.5d", "90", "90 d", "ä", "99999999999d"] {
            assert_eq!(Timestamp::parse_ahead(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn spans_have_one_grammar() {
        let spans = [("800us", 800), ("5ms", 5_000), ("0s", 0), ("15m", 900 * SECOND), ("24h", DAY), ("2w", 14 * DAY)];
        spans.iter().for_each(|(text, micros)| assert_eq!(parse_span(text), Some(*micros), "{text}"));
        for wrong in ["", "5", "s", "-5s", "+5s", "1.5h", "5 s", "5S", "5min", "99999999999999s", "ü", "5µs"] {
            assert_eq!(parse_span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn stays_printable_at_the_ends_of_time() {
        assert!(Timestamp::from_micros(i64::MAX).to_string().starts_with("9999-12-31"));
        assert!(Timestamp::from_micros(0).plus(i64::MIN).as_micros() < 0);
    }
}
