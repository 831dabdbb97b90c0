//! Bars over a range of time: at most sixty, each as long as a person would choose.

use std::ops::Range;

use mcp_audit_log_model::time::{DAY, HOUR, SECOND, Timestamp};

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
    /// The beginning of the first bar.
    first: i64,
    counts: Vec<(u64, u64)>,
}

impl Bars {
    /// Empty bars over a range of microseconds, which is not empty. The first and the last one begin and end as the
    /// others do, unless that is outside of `limits`.
    pub(super) fn over(range: Range<i64>, limits: Range<i64>) -> Self {
        let steps = STEPS.iter().flat_map(|(unit, steps)| steps.iter().map(move |number| unit * number));
        let few = |step: &i64| number(&range, *step) <= MAX_BARS as i64;
        let step = steps.clone().find(few).or_else(|| steps.last()).unwrap_or(DAY);
        let bars = number(&range, step).clamp(1, MAX_BARS as i64) as usize;
        Self { first: start(step, range.start), counts: vec![(0, 0); bars], limits, step }
    }

    /// The length of a bar in microseconds.
    pub(super) fn step(&self) -> i64 {
        self.step
    }

    /// The bar of a moment; the first or the last one for a moment outside of the range.
    pub(super) fn at(&self, micros: i64) -> usize {
        let bar = micros.saturating_sub(self.first).div_euclid(self.step);
        usize::try_from(bar).unwrap_or(0).min(self.counts.len() - 1)
    }

    /// The first moment of a bar.
    pub(super) fn start(&self, bar: usize) -> i64 {
        self.first.saturating_add(self.step.saturating_mul(bar as i64))
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

/// The number of bars of this length that a range touches.
fn number(range: &Range<i64>, step: i64) -> i64 {
    let last = start(step, range.end.saturating_sub(1).max(range.start));
    last.saturating_sub(start(step, range.start)) / step + 1
}

/// The beginning of the bar that contains `micros`. 1970 began on a Thursday.
fn start(step: i64, micros: i64) -> i64 {
    let offset = if step >= 7 * DAY { 4 * DAY } else { 0 };
    micros.saturating_sub(offset).div_euclid(step).saturating_mul(step).saturating_add(offset)
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
        let step = |length: i64| Bars::over(at("2026-11-30")..at("2026-11-30") + length, whole.clone()).step();
        let lengths = [1, 60 * MILLISECOND, 10 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY];
        let steps = [MILLISECOND, MILLISECOND, 10 * SECOND, MINUTE, 30 * MINUTE, 3 * HOUR, 12 * HOUR, 2 * DAY];
        assert_eq!(lengths.map(step), steps);
        for range in [i64::MIN..i64::MAX, at("-9999-01-01")..at("9999-12-31"), 0..1] {
            let bars = Bars::over(range.clone(), whole.clone());
            assert!((1..=MAX_BARS).contains(&bars.finish().len()), "{range:?}");
        }
    }

    #[test]
    fn bars_follow_one_another_and_keep_to_the_range() {
        let range = at("2026-11-18T10:00:00Z")..at("2026-12-24T00:30:00Z") + 400 * DAY;
        let mut bars = Bars::over(range.clone(), range.start..i64::MAX);
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
}
