//! Bars over a range of time: at most sixty, each as long as a person would choose.

use std::ops::Range;

use mcp_audit_log_model::time::{DAY, HOUR, SECOND, Timestamp};
use mcp_audit_log_model::time_zone::TimeZone;

/// The most bars of an overview.
pub const MAX_BARS: usize = 60;

const MILLISECOND: i64 = SECOND / 1_000;
const MINUTE: i64 = 60 * SECOND;

/// The lengths of bars. From a week on, bars begin on a Monday.
const STEPS: [(i64, &[i64]); 5] = [
    (MILLISECOND, &[1, 2, 5, 10, 20, 50, 100, 200, 500]),
    (SECOND, &[1, 2, 5, 10, 15, 30]),
    (MINUTE, &[1, 2, 5, 10, 15, 30]),
    (HOUR, &[1, 2, 3, 6, 12]),
    (DAY, &[1, 2, 7, 14, 28, 91, 364, 1_820, 3_640, 18_200, 36_400, 182_000]),
];

/// The matching entries that began in a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeBar {
    /// The range, its end excluded. It never exceeds a limit that the filter gives.
    pub range: Range<Timestamp>,
    /// How many entries.
    pub entries: u64,
    /// How many of them are not a success.
    pub errors: u64,
}

/// Counts by bars.
pub(super) struct Bars {
    /// The limits that no bar exceeds.
    limits: Range<i64>,
    step: i64,
    /// The beginning of each bar, and the end of the last one.
    bounds: Vec<i64>,
    counts: Vec<(u64, u64)>,
}

impl Bars {
    /// Empty bars over a range of microseconds, which is not empty. The first and the last one begin and end as the
    /// others do on a clock of `zone`, unless that is outside of `limits`.
    pub(super) fn over(range: Range<i64>, limits: Range<i64>, zone: TimeZone) -> Self {
        let steps = || STEPS.iter().flat_map(|(unit, steps)| steps.iter().map(move |number| unit * number));
        let few = |step: i64| (range.end.saturating_sub(range.start) / step <= MAX_BARS as i64).then_some(step);
        // Bars that hold a change of the clocks are longer or shorter, so that their number is known only when made.
        let fits = |step: i64| Some((step, bounds(&range, step, zone)?));
        let widest = || (DAY, vec![range.start, range.end.max(range.start.saturating_add(1))]);
        let (step, bounds) = steps().filter_map(few).find_map(fits).unwrap_or_else(widest);
        Self { counts: vec![(0, 0); bounds.len() - 1], bounds, limits, step }
    }

    /// The usual length of a bar in microseconds.
    pub(super) fn step(&self) -> i64 {
        self.step
    }

    /// The bar of a moment; the first or the last one for a moment outside of the range.
    pub(super) fn at(&self, micros: i64) -> usize {
        self.bounds.partition_point(|bound| *bound <= micros).clamp(1, self.counts.len()) - 1
    }

    /// The first moment of a bar, or the end of the last one.
    pub(super) fn start(&self, bar: usize) -> i64 {
        self.bounds[bar]
    }

    /// Adds entries to a bar.
    pub(super) fn add(&mut self, bar: usize, entries: u64, errors: u64) {
        let counts = &mut self.counts[bar];
        *counts = (counts.0 + entries, counts.1 + errors);
    }

    /// The bars with their counts.
    pub(super) fn finish(self) -> Vec<TimeBar> {
        let bar = |(at, (entries, errors)): (usize, &(u64, u64))| {
            let (from, to) = (self.start(at).max(self.limits.start), self.start(at + 1).min(self.limits.end));
            let range = Timestamp::from_micros(from)..Timestamp::from_micros(to);
            TimeBar { range, entries: *entries, errors: *errors }
        };
        self.counts.iter().enumerate().map(bar).collect()
    }
}

/// The bounds of the bars of this length that a range touches; `None` if there are too many.
fn bounds(range: &Range<i64>, step: i64, zone: TimeZone) -> Option<Vec<i64>> {
    let mut bounds = vec![start(step, range.start, zone)];
    while let Some(last) = bounds.last().copied().filter(|last| *last < range.end) {
        if bounds.len() > MAX_BARS {
            return None;
        }
        bounds.push(next(step, last, zone));
    }
    Some(bounds)
}

/// The beginning of the bar that contains `micros`.
fn start(step: i64, micros: i64, zone: TimeZone) -> i64 {
    let at = Timestamp::from_micros(micros);
    let day = zone.day(at);
    match step {
        // 1970 began on a Thursday, and weeks begin on a Monday.
        DAY.. if step % (7 * DAY) == 0 => day_of((day + 3).div_euclid(step / DAY) * (step / DAY) - 3, zone),
        DAY.. => day_of(day.div_euclid(step / DAY) * (step / DAY), zone),
        _ if step > HOUR => {
            let hours = (0..DAY / step).rev().map(|bar| zone.moment_of(day, bar * step / HOUR).as_micros());
            hours.into_iter().find(|start| *start <= micros).unwrap_or(micros)
        }
        // A clock differs from UTC by minutes at most, which all shorter bars divide.
        _ => {
            let offset = zone.start_of_day(at).as_micros().rem_euclid(HOUR);
            (micros - offset).div_euclid(step) * step + offset
        }
    }
}

/// The beginning of the next bar after the one that begins with `start`.
fn next(step: i64, start: i64, zone: TimeZone) -> i64 {
    let day = || zone.day(Timestamp::from_micros(start));
    let next = match step {
        DAY.. => day_of(day() + step / DAY, zone),
        _ if step > HOUR => {
            let hours = (1..=DAY / step).map(|bar| zone.moment_of(day(), bar * step / HOUR).as_micros());
            hours.into_iter().find(|next| *next > start).unwrap_or(start)
        }
        _ => start.saturating_add(step),
    };
    // At the end of the calendar there is no next one.
    if next > start { next } else { i64::MAX }
}

fn day_of(day: i64, zone: TimeZone) -> i64 {
    zone.start_of(day).as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse(text).expect("a moment").as_micros()
    }

    #[test]
    fn bars_are_as_long_as_a_person_would_choose() {
        let whole = i64::MIN..i64::MAX;
        let step =
            |length: i64| Bars::over(at("2026-11-30")..at("2026-11-30") + length, whole.clone(), TimeZone::UTC).step();
        let lengths = [1, 60 * MILLISECOND, 10 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY];
        let steps = [MILLISECOND, MILLISECOND, 10 * SECOND, MINUTE, 30 * MINUTE, 3 * HOUR, 12 * HOUR, 2 * DAY];
        assert_eq!(lengths.map(step), steps);
        for range in [i64::MIN..i64::MAX, at("-9999-01-01")..at("9999-12-31"), 0..1] {
            let bars = Bars::over(range.clone(), whole.clone(), TimeZone::UTC);
            assert!((1..=MAX_BARS).contains(&bars.finish().len()), "{range:?}");
        }
    }

    #[test]
    fn bars_follow_one_another_and_keep_to_the_range() {
        let range = at("2026-11-18T10:00:00Z")..at("2026-12-24T00:30:00Z") + 400 * DAY;
        let mut bars = Bars::over(range.clone(), range.start..i64::MAX, TimeZone::UTC);
        assert_eq!(bars.step(), 14 * DAY);
        bars.add(bars.at(i64::MIN), 1, 0);
        bars.add(bars.at(i64::MAX), 2, 1);
        let bars = bars.finish();
        assert!(bars.windows(2).all(|two| two[0].range.end == two[1].range.start));
        assert_eq!(bars[0].range.start.as_micros(), at("2026-11-18T10:00:00Z"));
        assert_eq!(bars[1].range.start.to_utc().format("%a %H:%M").to_string(), "Mon 00:00");
        assert_eq!((bars[0].entries, bars[bars.len() - 1].errors), (1, 1));
        let end = bars[bars.len() - 1].range.end;
        assert!(end.as_micros() > range.end, "nothing limits the end");
        assert_eq!(end.to_utc().format("%a %H:%M").to_string(), "Mon 00:00");
    }
    #[test]
    fn bars_begin_with_the_days_and_hours_of_a_zone() {
        let shown = |name: &str, from: &str, length: i64| {
            let zone = TimeZone::parse(name).expect("a zone");
            let bars = Bars::over(at(from)..at(from) + length, i64::MIN..i64::MAX, zone);
            let (step, bars) = (bars.step(), bars.finish());
            assert!(bars.windows(2).all(|two| two[0].range.end == two[1].range.start));
            let local = |form: &str| bars.iter().map(|bar| zone.format(bar.range.start, form)).collect::<Vec<_>>();
            (step, local("%H:%M"), local("%d"))
        };
        for (name, from) in [
            ("Europe/Vienna", "2026-10-10T10:00:00Z"),
            ("America/New_York", "2026-03-01T10:00:00Z"),
            ("Asia/Kolkata", "2026-10-01T10:00:00Z"),
        ] {
            let (step, hours, days) = shown(name, from, 55 * DAY);
            assert_eq!(step, DAY, "{name}");
            assert!(hours.iter().all(|hour| hour == "00:00"), "{name}: {hours:?}");
            assert!(days.windows(2).all(|two| two[0] != two[1]), "{name}: {days:?}");
            let (step, hours, _) = shown(name, from, 20 * DAY);
            assert_eq!(step, 12 * HOUR, "{name}");
            assert!(hours.iter().all(|hour| ["00:00", "12:00"].contains(&hour.as_str())), "{name}: {hours:?}");
        }
        let (step, hours, _) = shown("Asia/Kolkata", "2026-10-01T10:10:00Z", DAY);
        assert_eq!((step, hours[0].as_str()), (30 * MINUTE, "15:30"));
        let (step, hours, _) = shown("Europe/Vienna", "2026-10-24T10:00:00Z", 2 * DAY);
        assert_eq!(
            (step, hours.iter().filter(|hour| *hour == "02:00").count()),
            (HOUR, 3),
            "the hour that occurs twice"
        );
    }
}
