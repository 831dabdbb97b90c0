//! A range of time cut into what cells of days say, what cells of hours say, and what is left for the entries.

use std::ops::Range;

use super::cuts::Cut;
use super::{HOUR, ceil, floor};
use mcp_audit_log_model::time::DAY;

/// Disjoint ranges that together are the one asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    pub(super) days: Vec<Range<i64>>,
    pub(super) hours: Vec<Range<i64>>,
    pub(super) entries: Vec<Range<i64>>,
}

impl Spans {
    /// How `cut` answers for `range`; `hourly`: cells of days are too long.
    pub(super) fn new(range: &Range<i64>, cut: Option<Cut>, hourly: bool) -> Self {
        let Some(unit) = cut.and_then(|cut| unit(cut, hourly)) else {
            return Self { entries: some(range.clone()), ..Self::default() };
        };
        let inner = ceil(range.start, unit)..floor(range.end, unit);
        if inner.is_empty() {
            return Self { entries: some(range.clone()), ..Self::default() };
        }
        let entries = around(range, &inner);
        let days = if hourly { Vec::new() } else { some(ceil(inner.start, DAY)..floor(inner.end, DAY)) };
        let hours = days.first().map_or_else(|| some(inner.clone()), |days| around(&inner, days));
        Self { days, hours, entries }
    }
}

/// The shortest time that cells of `cut` tell apart; `None` where that is too long.
pub(super) fn unit(cut: Cut, hourly: bool) -> Option<i64> {
    match (cut.hours, hourly) {
        (true, _) => Some(HOUR),
        (false, false) => Some(DAY),
        (false, true) => None,
    }
}

fn around(outer: &Range<i64>, inner: &Range<i64>) -> Vec<Range<i64>> {
    [outer.start..inner.start, inner.end..outer.end].into_iter().filter(|range| !range.is_empty()).collect()
}

fn some(range: Range<i64>) -> Vec<Range<i64>> {
    if range.is_empty() { Vec::new() } else { vec![range] }
}

#[cfg(test)]
mod tests {
    use super::super::cuts::CUTS;
    use super::*;

    #[test]
    fn whole_hours_and_days_are_for_cells() {
        let [all, pair] = [CUTS[0], CUTS[13]].map(Some);
        let range = DAY - HOUR - 1..3 * DAY + 2 * HOUR + 5;
        let edges = vec![DAY - HOUR - 1..DAY - HOUR, 3 * DAY + 2 * HOUR..3 * DAY + 2 * HOUR + 5];
        let hours = vec![DAY - HOUR..DAY, 3 * DAY..3 * DAY + 2 * HOUR];
        let days = some(DAY..3 * DAY);
        assert_eq!(Spans::new(&range, all, false), Spans { days: days.clone(), hours, entries: edges.clone() });
        let hours = some(DAY - HOUR..3 * DAY + 2 * HOUR);
        assert_eq!(Spans::new(&range, all, true), Spans { days: Vec::new(), hours, entries: edges });
        let edges = vec![DAY - HOUR - 1..DAY, 3 * DAY..range.end];
        assert_eq!(Spans::new(&range, pair, false), Spans { days, hours: Vec::new(), entries: edges });
        let whole = Spans { entries: Vec::from_iter([range.clone()]), ..Spans::default() };
        assert_eq!(Spans::new(&range, pair, true), whole);
        assert_eq!(Spans::new(&range, None, false), whole);
        assert_eq!(Spans::new(&(5..HOUR + 5), all, false).entries, some(5..HOUR + 5));
    }
}
