//! Usage, counted in the simplest way.

use std::collections::BTreeSet;

use proptest::prelude::*;

use mcp_audit_log_index::{Breakdown, Usage, UsageBy, UsageQuery, UsageRow, UsageSort, UsageStats, UsageStep};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// The figures of these entries, counted in the simplest way; the quantiles are exact.
fn naive(entries: &[&Entry]) -> UsageStats {
    let mut durations: Vec<_> = entries.iter().filter_map(|entry| entry.duration_us).collect();
    durations.sort_unstable();
    let quantile = |percent: usize| durations.get((durations.len() * percent).div_ceil(100).max(1) - 1).copied();
    let sum = |number: fn(&Entry) -> Option<u64>| entries.iter().filter_map(|entry| number(entry)).sum();
    UsageStats {
        requests: entries.len() as u64,
        errors: entries.iter().filter(|entry| Outcome::FAILED.contains(&entry.outcome())).count() as u64,
        average_us: durations.iter().sum::<u64>().checked_div(durations.len() as u64),
        p50_us: quantile(50),
        p95_us: quantile(95),
        p99_us: quantile(99),
        input_tokens: sum(|entry| entry.input_tokens),
        output_tokens: sum(|entry| entry.output_tokens),
        cost_micros: sum(|entry| entry.cost_micros),
    }
}

/// Compares the figures exactly; only a quantile may be a sixteenth above, and at most the longest duration.
pub(super) fn same(found: &UsageStats, entries: &[&Entry]) -> Result<(), TestCaseError> {
    let expected = naive(entries);
    let longest = entries.iter().filter_map(|entry| entry.duration_us).max();
    for (found, exact) in
        [found.p50_us, found.p95_us, found.p99_us].into_iter().zip([expected.p50_us, expected.p95_us, expected.p99_us])
    {
        prop_assert_eq!(found.is_some(), exact.is_some());
        let (found, exact) = (found.unwrap_or(0), exact.unwrap_or(0));
        prop_assert!(found >= exact && (found - exact) * 16 <= exact, "{} is not {}", found, exact);
        prop_assert!(Some(found) <= longest.or(Some(0)), "nothing took {}", found);
    }
    let counted = UsageStats { p50_us: expected.p50_us, p95_us: expected.p95_us, p99_us: expected.p99_us, ..*found };
    prop_assert_eq!(counted, expected);
    Ok(())
}

fn distinct(entries: &[&Entry], field: Field) -> u64 {
    let values: BTreeSet<_> = entries.iter().map(|entry| entry.value(field)).collect();
    values.iter().filter(|value| **value != Value::Unset).count() as u64
}

/// The entries that began in this range.
pub(super) fn within<'a>(entries: &[&'a Entry], from: Timestamp, to: Timestamp) -> Vec<&'a Entry> {
    entries.iter().copied().filter(|entry| (from..to).contains(&entry.occurred_at)).collect()
}

/// The number of distinct values of a field, if it is known. It always needs all entries.
pub(super) fn assert_no_guess(usage: &Usage, inside: &[&Entry]) -> Result<(), TestCaseError> {
    for (field, count) in &usage.totals.unique {
        prop_assert!(count.is_none_or(|count| count == distinct(inside, *field)), "{:?} is {:?}", field, count);
    }
    Ok(())
}

/// The whole answer of a query in which nothing is missing.
pub(super) fn assert_exact(usage: &Usage, query: &UsageQuery, entries: &[&Entry]) -> Result<(), TestCaseError> {
    let inside = within(entries, usage.covered.start, usage.covered.end);
    same(&usage.totals.stats, &inside)?;
    assert_no_guess(usage, &inside)?;
    let durations = usage.durations.as_ref().expect("asked for");
    prop_assert_eq!(durations.counts.len(), usage.series.len());
    let mut next = usage.covered.start;
    for (point, counts) in usage.series.iter().zip(&durations.counts) {
        prop_assert_eq!(point.from, next);
        if usage.step == UsageStep::Day {
            let is_day = query.zone.start_of_day(point.from.max(point.to.plus(-1))) <= point.from;
            let is_begun = point.from == usage.covered.start || query.zone.start_of_day(point.from) == point.from;
            prop_assert!(is_day && is_begun, "{}", query.zone.exact(point.from));
        }
        let of_point = within(entries, point.from, point.to);
        same(&point.stats, &of_point)?;
        let (low, high) = ([0].iter().chain(&durations.limits_us), durations.limits_us.iter().chain(&[u64::MAX]));
        for ((low, high), count) in low.zip(high).zip(counts) {
            let took = of_point.iter().filter_map(|entry| entry.duration_us);
            let inside = took.filter(|micros| low <= micros && (micros < high || *high == u64::MAX)).count();
            prop_assert_eq!(*count, inside as u64, "from {} to {}", low, high);
        }
        next = point.to;
    }
    prop_assert!(next == usage.covered.end || usage.covered.is_empty());
    prop_assert_eq!(usage.breakdowns.len(), query.by.len());
    for (by, breakdown) in query.by.iter().zip(&usage.breakdowns) {
        assert_breakdown(breakdown, *by, query, &inside)?;
    }
    Ok(())
}

fn assert_breakdown(
    breakdown: &Breakdown,
    by: UsageBy,
    query: &UsageQuery,
    inside: &[&Entry],
) -> Result<(), TestCaseError> {
    let key = |entry: &Entry| (entry.value(by.field), by.second.map(|second| entry.value(second)));
    let keys: BTreeSet<_> = inside.iter().map(|entry| key(entry)).collect();
    prop_assert_eq!((breakdown.by, breakdown.found), (by, keys.len()));
    prop_assert_eq!(breakdown.rows.len(), keys.len().min(query.limit));
    for row in &breakdown.rows {
        let of_row = (row.key.clone(), row.second_key.clone());
        let of_row: Vec<_> = inside.iter().copied().filter(|entry| key(entry) == of_row).collect();
        same(&row.stats, &of_row)?;
        prop_assert!(row.users.is_none_or(|users| users == distinct(&of_row, Field::User)));
    }
    let weight = |figures: &UsageStats| match query.sort {
        UsageSort::Requests => figures.requests,
        UsageSort::Errors => figures.errors,
        UsageSort::Duration => figures.average_us.unwrap_or(0),
        UsageSort::P95 => figures.p95_us.unwrap_or(0),
        UsageSort::Tokens => figures.input_tokens + figures.output_tokens,
        UsageSort::Cost => figures.cost_micros,
    };
    prop_assert!(breakdown.rows.is_sorted_by_key(|row| std::cmp::Reverse(weight(&row.stats))));
    let least = breakdown.rows.last().map_or(0, |row| weight(&row.stats));
    let is_of = |row: &UsageRow, key: &(Value, Option<Value>)| row.key == key.0 && row.second_key == key.1;
    for left_out in keys.iter().filter(|key| !breakdown.rows.iter().any(|row| is_of(row, key))) {
        let of_key: Vec<_> = inside.iter().copied().filter(|entry| key(entry) == *left_out).collect();
        prop_assert!(weight(&naive(&of_key)) <= least, "{:?} should be among the first", left_out);
    }
    Ok(())
}
