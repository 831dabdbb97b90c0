//! Time zones: when a day begins there, and what a clock there shows.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone as _};

use crate::format::second;
use crate::time::{DAY, HOUR, SECOND, Timestamp, parse_span};

/// The number that chrono gives to 1970-01-01.
const EPOCH: i64 = 719_163;

/// The zones that are compiled in.
#[cfg(feature = "time-zones")]
mod database {
    pub(super) use chrono_tz::Tz;

    pub(super) const UTC: Tz = Tz::UTC;

    pub(super) fn parse(name: &str) -> Option<Tz> {
        name.parse().ok()
    }

    pub(super) fn name(zone: Tz) -> &'static str {
        zone.name()
    }

    pub(super) fn all() -> &'static [Tz] {
        &chrono_tz::TZ_VARIANTS
    }
}

/// UTC alone: an embedder without pages and command line needs no other zone.
#[cfg(not(feature = "time-zones"))]
mod database {
    pub(super) use chrono::Utc as Tz;

    pub(super) const UTC: Tz = Tz;

    pub(super) fn parse(name: &str) -> Option<Tz> {
        (name == self::name(UTC)).then_some(UTC)
    }

    pub(super) fn name(_: Tz) -> &'static str {
        "UTC"
    }

    pub(super) fn all() -> &'static [Tz] {
        &[]
    }
}

/// A time zone of the IANA database; without the feature `time-zones`, UTC alone. Where the clocks change, one day of the year has 23 hours and one has 25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeZone(database::Tz);

impl Default for TimeZone {
    fn default() -> Self {
        Self::UTC
    }
}

impl TimeZone {
    /// Coordinated universal time, in which the log stores all times.
    pub const UTC: Self = Self(database::UTC);

    /// The name of the parameter and of the option that names a zone.
    pub const PARAMETER: &'static str = "tz";

    /// The zone with this name of the database: `Europe/Vienna`, `UTC`.
    pub fn parse(name: &str) -> Option<Self> {
        database::parse(name).map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        database::name(self.0)
    }

    /// The zones that a menu offers, by name: UTC, and the zones that are called after a place.
    pub fn offered() -> impl Iterator<Item = Self> {
        let is_place = |zone: &Self| zone.name().contains('/') && !zone.name().starts_with("Etc/");
        std::iter::once(Self::UTC).chain(database::all().iter().map(|zone| Self(*zone)).filter(is_place))
    }

    /// The number of the day that contains `at`, counted from 1970-01-01.
    pub fn day(self, at: Timestamp) -> i64 {
        if self == Self::UTC {
            return at.as_micros().div_euclid(DAY);
        }
        i64::from(self.local(at).num_days_from_ce()) - EPOCH
    }

    /// The first moment of the day with this number. Where the clocks skip midnight, the day begins after the gap.
    pub fn start_of(self, day: i64) -> Timestamp {
        self.moment_of(day, 0)
    }

    /// The moment of a day at which a clock first shows this hour, or the next one that it shows.
    pub fn moment_of(self, day: i64, hour: i64) -> Timestamp {
        let hours = hour.saturating_mul(HOUR);
        let plain = Timestamp::from_micros(day.saturating_mul(DAY).saturating_add(hours));
        if self == Self::UTC {
            return plain;
        }
        let clock = plain.to_utc().naive_utc();
        // All gaps of clocks begin and end at quarters of an hour.
        let quarters = (0..=96).filter_map(|quarter| clock.checked_add_signed(TimeDelta::minutes(15 * quarter)));
        let mut moments = quarters.filter_map(|clock| self.0.from_local_datetime(&clock).earliest());
        moments.next().map_or(plain, |at| at.to_utc().into())
    }

    /// The first moment of the day that contains `at`.
    pub fn start_of_day(self, at: Timestamp) -> Timestamp {
        self.start_of(self.day(at))
    }

    /// The first moment of the next day.
    pub fn end_of_day(self, at: Timestamp) -> Timestamp {
        self.start_of(self.day(at).saturating_add(1))
    }

    /// Reads a time as people write it: `now`, `today`, `yesterday`, a span before or after now (`-7d`, `+1h`), a day of
    /// this zone (`2026-11-21`), or RFC 3339. A day also has an end, where the next day begins.
    pub fn parse_spoken(self, text: &str, now: Timestamp) -> Option<(Timestamp, Option<Timestamp>)> {
        let day = |day: i64| (self.start_of(day), Some(self.start_of(day + 1)));
        match text {
            "now" => Some((now, None)),
            "today" => Some(day(self.day(now))),
            "yesterday" => Some(day(self.day(now) - 1)),
            _ => match (text.strip_prefix('-'), text.strip_prefix('+')) {
                (Some(span), _) => Some((now.plus(-parse_span(span)?), None)),
                (_, Some(span)) => Some((now.plus(parse_span(span)?), None)),
                _ => match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
                    Ok(date) => Some(day(i64::from(date.num_days_from_ce()) - EPOCH)),
                    Err(_) => Timestamp::parse(text).map(|at| (at, None)),
                },
            },
        }
    }

    /// The moment in a form of strftime.
    pub fn format(self, at: Timestamp, form: &str) -> String {
        self.local(at).format(form).to_string()
    }

    /// A moment to the millisecond, with the zone's abbreviation: it tells apart the hour that occurs twice.
    pub fn exact(self, at: Timestamp) -> String {
        self.format(at, "%Y-%m-%d %H:%M:%S%.3f %Z")
    }

    /// The same, and in UTC where that differs.
    pub fn both(self, at: Timestamp) -> String {
        let own = self.exact(at);
        if self == Self::UTC { own } else { format!("{own} · {}", Self::UTC.exact(at)) }
    }

    /// A moment to the minute, without the zone.
    pub fn minute(self, at: Timestamp) -> String {
        self.format(at, "%Y-%m-%d %H:%M")
    }

    /// The time since a recent moment; otherwise its date.
    pub fn ago(self, at: Timestamp, now: Timestamp) -> String {
        let seconds = (now.as_micros() - at.as_micros()).div_euclid(SECOND);
        match seconds {
            0..60 => format!("{seconds} s ago"),
            60..3_600 => format!("{} min ago", seconds / 60),
            3_600..86_400 => format!("{} h ago", seconds / 3_600),
            _ => self.minute(at),
        }
    }

    /// The time until a moment of the next two days; otherwise its date.
    pub fn ahead(self, at: Timestamp, now: Timestamp) -> String {
        let seconds = (at.as_micros() - now.as_micros()).div_euclid(SECOND);
        match seconds {
            0..3_600 => format!("in {} min", seconds / 60),
            3_600..172_800 => format!("in {} h", seconds / 3_600),
            _ => self.format(at, "%Y-%m-%d %H:%M %Z"),
        }
    }

    /// A moment from a form: to the second, or only the day at its beginning.
    pub fn moment(self, at: Timestamp) -> String {
        let form = if at == self.start_of_day(at) { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S %Z" };
        self.format(at, form)
    }

    /// The end of a range from a form: the last day that is included, or the moment to the second.
    pub fn until(self, at: Timestamp) -> String {
        if at == self.start_of_day(at) { self.format(at.plus(-1), "%Y-%m-%d") } else { self.moment(at) }
    }

    /// A range of time, to the minute.
    pub fn range(self, range: &std::ops::Range<Timestamp>) -> String {
        format!("{} – {}", self.minute(range.start), self.format(range.end, "%Y-%m-%d %H:%M %Z"))
    }

    /// A moment in the shortest form of RFC 3339 that is exact, with this zone's offset.
    pub fn written(self, at: Timestamp) -> String {
        match (self == Self::UTC, at.as_micros() % SECOND == 0) {
            (true, true) => second(at),
            (true, false) => at.to_string(),
            (false, true) => self.format(at, "%Y-%m-%dT%H:%M:%S%:z"),
            (false, false) => self.format(at, "%Y-%m-%dT%H:%M:%S%.6f%:z"),
        }
    }

    fn local(self, at: Timestamp) -> DateTime<database::Tz> {
        at.to_utc().with_timezone(&self.0)
    }
}

#[cfg(test)]
#[cfg(feature = "time-zones")]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::parse(name).expect("a zone")
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a moment")
    }

    #[test]
    fn a_day_has_23_or_25_hours_when_the_clocks_change() {
        for (name, day, start, hours) in [
            ("Europe/Vienna", "2026-03-29", "2026-03-28T23:00:00Z", 23.0),
            ("Europe/Vienna", "2026-10-25", "2026-10-24T22:00:00Z", 25.0),
            ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23.0),
            ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25.0),
            ("Asia/Kolkata", "2026-10-25", "2026-10-24T18:30:00Z", 24.0),
            ("UTC", "2026-10-25", "2026-10-25T00:00:00Z", 24.0),
            // The clocks change by half an hour.
            ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24.5),
            ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23.5),
            // Midnight does not exist: the clocks go from 23:59 to 01:00.
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z", 23.0),
        ] {
            let (from, to) = zone(name).parse_spoken(day, Timestamp::EPOCH).expect("a day");
            let to = to.expect("the end of a day");
            let length = (to.as_micros() - from.as_micros()) as f64 / HOUR as f64;
            assert_eq!((from, length), (at(start), hours), "{name} {day}");
            let last = to.plus(-1);
            assert_eq!([from, last].map(|at| zone(name).start_of_day(at)), [from; 2], "{name} {day}");
            assert_eq!(zone(name).end_of_day(last), to);
        }
        let (today, end) = zone("Asia/Tokyo").parse_spoken("today", at("2026-11-20T15:00:00Z")).expect("a day");
        assert_eq!((today, end), (at("2026-11-20T15:00:00Z"), Some(at("2026-11-21T15:00:00Z"))));
    }

    #[test]
    fn the_hour_that_occurs_twice_is_told_apart() {
        let vienna = zone("Europe/Vienna");
        let twice = [at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z")];
        assert_eq!(twice.map(|at| vienna.exact(at)), ["2026-10-25 02:30:00.000 CEST", "2026-10-25 02:30:00.000 CET"]);
        assert_eq!(vienna.both(twice[1]), "2026-10-25 02:30:00.000 CET · 2026-10-25 01:30:00.000 UTC");
        assert_eq!(TimeZone::UTC.both(twice[1]), "2026-10-25 01:30:00.000 UTC");
        for moment in [twice[0], twice[1], twice[1].plus(123)] {
            assert_eq!(Timestamp::parse(&vienna.written(moment)), Some(moment));
        }
        assert_eq!(vienna.written(twice[0]), "2026-10-25T02:30:00+02:00");
        assert_eq!(vienna.moment_of(vienna.day(twice[0]), 2), at("2026-10-25T00:00:00Z"), "the first of both");
    }

    #[test]
    fn times_are_spoken() {
        let now = Timestamp::from_micros(DAY + 7);
        let read = |text: &str| TimeZone::UTC.parse_spoken(text, now);
        let at = Timestamp::from_micros;
        assert_eq!(
            [read("now"), read("-1d"), read("+2h")].map(|found| found.map(|(from, to)| (from.as_micros(), to))),
            [Some((DAY + 7, None)), Some((7, None)), Some((DAY + 7 + 2 * HOUR, None))]
        );
        assert_eq!(
            [read("today"), read("yesterday")],
            [Some((at(DAY), Some(at(2 * DAY)))), Some((at(0), Some(at(DAY))))]
        );
        assert_eq!(read("1970-01-02"), Some((at(DAY), Some(at(2 * DAY)))));
        assert_eq!([read("-d"), read("1d"), read("soon"), read("--1d")], [None; 4]);
    }

    #[test]
    fn times_are_relative() {
        let (now, zone) = (at("2026-11-21T12:00:00Z"), TimeZone::UTC);
        assert_eq!(zone.ago(now.plus(-59 * SECOND), now), "59 s ago");
        assert_eq!(zone.ago(now.plus(-3 * HOUR), now), "3 h ago");
        assert_eq!(zone.ago(now.plus(-2 * DAY), now), "2026-11-19 12:00");
        assert_eq!(zone.ago(now.plus(DAY), now), "2026-11-22 12:00");
        assert_eq!(zone.ahead(now.plus(DAY), now), "in 24 h");
        assert_eq!(zone.exact(now), "2026-11-21 12:00:00.000 UTC");
        let day = Timestamp::parse("2026-11-21").expect("a day");
        assert_eq!([zone.moment(now), zone.moment(day)], ["2026-11-21 12:00:00 UTC", "2026-11-21"]);
        assert_eq!([zone.until(now), zone.until(day)], ["2026-11-21 12:00:00 UTC", "2026-11-20"]);
        assert_eq!(zone.range(&(now..now.plus(DAY))), "2026-11-21 12:00 – 2026-11-22 12:00 UTC");
    }

    #[test]
    fn no_moment_and_no_name_is_too_odd() {
        for zone in TimeZone::offered() {
            assert_eq!(TimeZone::parse(zone.name()), Some(zone));
            for micros in [i64::MIN, -1, 0, i64::MAX] {
                let at = Timestamp::from_micros(micros);
                assert!(zone.start_of_day(at) <= zone.end_of_day(at) && !zone.exact(at).is_empty(), "{}", zone.name());
            }
        }
        assert_eq!(["", "Mars/Olympus", "utc ", "../etc"].map(TimeZone::parse), [None; 4]);
    }
}
