//! From a query for usage to its answer: all questions of one query, over the same range, at one moment of the log.

use std::cmp::Reverse;
use std::ops::Range;

use super::source::{By, Counters, Question, Source};
use super::{HOUR, ceil, floor};
use crate::dictionary::Texts;
use crate::search::axis::Axis;
use crate::search::seqs::seq_at;
use crate::search::total::Total;
use crate::snapshot::Snapshot;
use crate::step::Steps;
use crate::{
    Breakdown, DurationCounts, GroupBy, MissingUsage, Point, StoreError, Totals, USAGE_FIELDS, Usage, UsageBy,
    UsageQuery, UsageRow, UsageSort, UsageStats, UsageStep,
};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::histogram;
use mcp_audit_log_model::time::Timestamp;

/// Computes the usage for `query`.
pub(crate) fn usage(log: &dyn Snapshot, texts: &Texts, query: &UsageQuery) -> Result<Usage, StoreError> {
    let (times, rest) = query.domain.clone().split_times();
    let (start, end) = (query.range.start.as_micros().max(times.start), query.range.end.as_micros().min(times.end));
    let asked = start..end.max(start);
    let length = asked.end.saturating_sub(asked.start);
    let step = query.step.unwrap_or(UsageStep::for_length(length)).fitting(length);
    let until = query.recorded_before.map(|at| seq_at(log, at)).transpose()?;
    let source = Source::new(log, texts, &rest, until.unwrap_or(u64::MAX))?;
    // The totals, the values of each field, the series. What is broken down by is ranked by its sums.
    let mut questions = vec![source.question(By::Nothing, true, true)];
    let mut tables = USAGE_FIELDS.map(UsageBy::from).to_vec();
    let only_totals = 1 + tables.len();
    tables.extend(query.by.iter().filter(|by| by.second.is_some()));
    questions.extend(tables.iter().map(|by| source.question(By::Fields(*by), query.by.contains(by), false)));
    let own = Steps { step, zone: query.zone };
    let has_whole_hours = own.has_whole_hours(&asked);
    // A viewer of figures alone gets none of half an hour.
    let is_coarse = query.recorded_before.is_some() && !has_whole_hours;
    let (steps, has_whole_hours) = if is_coarse { (Steps::utc(step), true) } else { (own, has_whole_hours) };
    questions.push(Question { has_whole_hours, ..source.question(By::Step(steps), true, true) });
    let has_sums = || questions.iter().filter(|question| question.has_sums);
    let unit = has_sums().filter_map(Question::unit).max();
    let covered = |range: Range<i64>| unit.map_or(Ok(range.clone()), |unit| source.covered(&range, unit));
    let before = query.previous.then(|| covered(asked.start.saturating_sub(length)..asked.start)).transpose()?;
    let covered = covered(asked.clone())?;
    let counters = source.count(&covered, &questions)?;
    let totals = |range: &Range<i64>, counters: &[Counters]| totals(&source, range, &questions, counters);
    let previous = |range| totals(range, &source.count(range, &questions[..only_totals])?);
    let first = before.as_ref().map_or(covered.start, |before| before.start);
    Ok(Usage {
        asked: moments(&asked),
        totals: totals(&covered, &counters)?,
        previous: before.as_ref().map(previous).transpose()?,
        step,
        series: points(steps, &covered).map(|number| point(steps, &covered, number, counters.last())).collect(),
        durations: query.durations.then(|| durations(points(steps, &covered), counters.last())),
        breakdowns: breakdowns(&source, texts, query, &covered, tables.into_iter().zip(&counters[1..]))?,
        missing: missing(&source, first..covered.end, has_sums())?,
        covered: moments(&covered),
    })
}

/// The figures that are missing for `range`.
fn missing<'q>(
    source: &Source<'_>,
    range: Range<i64>,
    mut questions: impl Iterator<Item = &'q Question>,
) -> Result<Vec<MissingUsage>, StoreError> {
    let removed = source.log.head()?.usage_until.filter(|until| range.start < *until).map(Timestamp::from_micros);
    let mut missing: Vec<_> = removed.map(MissingUsage::Removed).into_iter().collect();
    let hours = floor(range.start, HOUR)..ceil(range.end, HOUR);
    if questions.any(|question| question.unit().is_none()) && source.is_gone(&hours)? {
        missing.push(MissingUsage::Entries);
    }
    if source.is_damaged() {
        missing.push(MissingUsage::Damaged);
    }
    Ok(missing)
}

/// The totals. The first question is about all requests, and the others are about the fields.
fn totals(
    source: &Source<'_>,
    range: &Range<i64>,
    questions: &[Question],
    counters: &[Counters],
) -> Result<Totals, StoreError> {
    let unique =
        USAGE_FIELDS.into_iter().zip(&questions[1..]).zip(&counters[1..]).map(|((field, question), counted)| {
            let is_exact = source.is_exact(range, question)?;
            Ok((field, is_exact.then(|| counted.iter().filter(|([key, _], _)| *key > 0).count() as u64)))
        });
    let Range { start: from, end: to } = moments(range);
    Ok(Totals { from, to, stats: stats(counters[0].get([0, 0])), unique: unique.collect::<Result<_, StoreError>>()? })
}

/// The numbers of the steps in a range.
fn points(steps: Steps, range: &Range<i64>) -> impl Iterator<Item = u64> {
    (steps.number(range.start)..).take_while(move |number| steps.start(*number) < range.end)
}

fn point(steps: Steps, range: &Range<i64>, number: u64, counted: Option<&Counters>) -> Point {
    Point {
        from: Timestamp::from_micros(steps.start(number).max(range.start)),
        to: Timestamp::from_micros(steps.start(number + 1).min(range.end)),
        stats: stats(counted.and_then(|counted| counted.get([number, 0]))),
    }
}

fn durations(points: impl Iterator<Item = u64>, counted: Option<&Counters>) -> DurationCounts {
    let none = vec![0; histogram::limits().count() + 1];
    let of = |number| counted.and_then(|counted| counted.get([number, 0])).map_or_else(|| none.clone(), Total::classes);
    DurationCounts { limits_us: histogram::limits().collect(), counts: points.map(of).collect() }
}

/// The most values of a field that are ranked by a percentile, which only histograms know.
const MAX_RANKED: usize = 2_000;

/// The breakdowns. The sums in `counters`, which has an item for each field and pair, decide which rows come first;
/// histograms and users are counted only for these rows, and rank them if a percentile does.
fn breakdowns<'c>(
    source: &Source<'_>,
    texts: &Texts,
    query: &UsageQuery,
    range: &Range<i64>,
    counters: impl Iterator<Item = (UsageBy, &'c Counters)>,
) -> Result<Vec<Breakdown>, StoreError> {
    let ranked = |(by, counted): &(UsageBy, &Counters)| {
        // Sums have no percentile.
        let (sort, most) = match query.sort {
            UsageSort::P95 => (UsageSort::Requests, MAX_RANKED.max(query.limit)),
            sort => (sort, query.limit),
        };
        let weight = |stats: UsageStats| (sort.measure(&stats), stats.requests);
        let weighed = counted.iter().map(|(key, total)| (Reverse(weight(stats(Some(total)))), *key));
        let mut weighed: Vec<_> = weighed.collect();
        weighed.sort_unstable();
        let keys: Vec<_> = weighed.into_iter().map(|(_, key)| key).take(most).collect();
        (keys.clone(), Question { among: Some(keys), ..source.question(By::Fields(*by), true, true) })
    };
    let counters: Vec<_> = counters.collect();
    let of = |by: &UsageBy| counters.iter().find(|(other, _)| other == by).copied();
    let tables: Vec<_> = query.by.iter().filter_map(of).collect();
    let (keys, questions): (Vec<_>, Vec<_>) = tables.iter().map(ranked).unzip();
    let counted = source.count(range, &questions)?;
    let mut breakdowns = Vec::new();
    for (((by, all), mut keys), (question, counted)) in tables.into_iter().zip(keys).zip(questions.iter().zip(&counted))
    {
        if query.sort == UsageSort::P95 {
            keys.sort_by_key(|key| Reverse(query.sort.measure(&stats(counted.get(*key)))));
            keys.truncate(query.limit);
        }
        let is_exact = by.fields().any(|field| field == Field::User) || source.is_exact(range, question)?;
        let row = |key: [u64; 2]| {
            let value = |field, number| Axis::value(source.log, texts, GroupBy::Field(field), number);
            let total = counted.get(key);
            Ok(UsageRow {
                key: value(by.field, key[0])?,
                second_key: by.second.map(|second| value(second, key[1])).transpose()?,
                stats: stats(total),
                users: is_exact.then(|| total.map_or(0, Total::users)),
            })
        };
        let rows = keys.into_iter().map(row).collect::<Result<_, StoreError>>()?;
        breakdowns.push(Breakdown { by, rows, found: all.iter().len() });
    }
    Ok(breakdowns)
}

/// The figures of a key; all 0 if the key did not occur.
fn stats(total: Option<&Total>) -> UsageStats {
    let Some(total) = total else { return UsageStats::default() };
    UsageStats {
        requests: total.sums.entries,
        errors: total.sums.errors,
        average_us: total.sums.average(),
        p50_us: total.quantile(50),
        p95_us: total.quantile(95),
        p99_us: total.quantile(99),
        input_tokens: total.sums.input_tokens,
        output_tokens: total.sums.output_tokens,
        cost_micros: total.sums.cost_micros,
    }
}

fn moments(range: &Range<i64>) -> Range<Timestamp> {
    Timestamp::from_micros(range.start)..Timestamp::from_micros(range.end)
}
