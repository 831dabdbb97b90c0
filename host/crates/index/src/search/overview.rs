//! The overview of a search: how many entries match, how many of them failed, both over time, and the most frequent
//! values of some fields. It reads the columns of the matching entries, and rows of closed blocks only if the filter
//! itself needs them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use foldhash::fast::RandomState;

use super::axis::Axis;
use super::block_counts::BlockCounts;
use super::block_scan::BlockScan;
use super::blocks::Block;
use super::keyed_counts::ones;
use super::plan::Plan;
use super::time_bars::{Bars, TimeBar};
use super::total::failures;
use crate::columns::{Bitmap, ColumnKind, ValueSet, Zone};
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::{GroupBy, StoreError};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;

/// The most bars of a block for which planes are compared. Reading every time is faster for more.
const COMPARED: usize = 6;

/// What to count.
#[derive(Clone, Debug)]
pub struct OverviewQuery {
    /// The filter, with the record rule in it.
    pub domain: Domain,
    /// The zone whose days and hours the bars begin with.
    pub zone: TimeZone,
    /// The bars end here if the filter names no end and no later entry matches.
    pub now: Timestamp,
    /// The fields whose most frequent values are counted.
    pub fields: Vec<Field>,
    /// The most values of each field.
    pub values: usize,
}

/// The matching entries in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The number of entries that match.
    pub entries: u64,
    /// The number of them that are not a success.
    pub errors: u64,
    /// The usual length of a bar, in microseconds.
    pub step_us: i64,
    /// At most [`MAX_BARS`](crate::MAX_BARS) bars in order, without a gap; none if nothing matches.
    pub bars: Vec<TimeBar>,
    /// The values of each requested field; `None` if they took too long to count.
    pub values: Option<Vec<FieldCounts>>,
}

/// The most frequent values of a field among the matching entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCounts {
    /// The field.
    pub field: Field,
    /// Values with their number of entries, the most frequent first.
    pub values: Vec<(Value, u64)>,
    /// The number of different values, those included that are not listed.
    pub found: usize,
}

/// The matching rows of a block.
struct Matches<'a> {
    block: &'a Block,
    found: Bitmap,
    errors: Bitmap,
    /// The values of `occurred_at` in the block.
    times: Zone,
}

/// Counts what `query` asks for. `go_on` is asked before each block; `None` if it answered no before the bars were
/// complete.
pub(crate) fn overview(
    log: &dyn Snapshot,
    texts: &Texts,
    known: &BlockCounts,
    query: &OverviewQuery,
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Overview>, StoreError> {
    let plan = Plan::new(log, texts, &query.domain)?;
    let failed = Plan::new(log, texts, &failures())?;
    let mut fields: BTreeSet<_> = query.fields.iter().copied().chain([Field::Outcome, Field::OccurredAt]).collect();
    plan.fields(&mut fields);
    let scan = BlockScan::new(log, 0..u64::MAX, &fields)?;
    let (mut matches, mut all_times) = (Vec::new(), None);
    for (block, within) in scan.blocks() {
        if !go_on() {
            return Ok(None);
        }
        let Some(times) = block.zone(log, Field::OccurredAt)? else { continue };
        let (least, most) = times.ends();
        all_times = Some(all_times.map_or((least, most), |(low, high): (u64, u64)| (low.min(least), high.max(most))));
        let found = plan.find(log, block, within)?;
        if !found.is_empty() {
            let errors = failed.find(log, block, found.clone())?;
            matches.push(Matches { block, found, errors, times });
        }
    }
    let (entries, errors) = matches
        .iter()
        .fold((0, 0), |(entries, errors), one| (entries + one.found.count(), errors + one.errors.count()));
    let (Some(range), true) = (range(log, &matches, query, all_times)?, entries > 0) else {
        let values = Some(query.fields.iter().map(|field| FieldCounts::new(*field)).collect());
        return Ok(Some(Overview { entries, errors, step_us: 0, bars: Vec::new(), values }));
    };
    let mut bars = Bars::over(range, query.domain.clone().split_times().0, query.zone);
    for one in &matches {
        if !go_on() {
            return Ok(None);
        }
        one.count_times(log, &mut bars)?;
    }
    let step_us = bars.step();
    known.keep(scan.blocks().map(|(block, _)| block));
    let values = values(log, texts, known, query, &matches, go_on)?;
    Ok(Some(Overview { entries, errors, step_us, bars: bars.finish(), values }))
}

/// The range of the bars, as stored numbers: as far as the filter says, and otherwise from the first match to now. Where
/// the filter says more than the log has, it is what the log has.
fn range(
    log: &dyn Snapshot,
    matches: &[Matches<'_>],
    query: &OverviewQuery,
    all_times: Option<(u64, u64)>,
) -> Result<Option<Range<i64>>, StoreError> {
    let (asked, _) = query.domain.clone().split_times();
    let (Some((least, most)), now) = (all_times, query.now.as_micros()) else { return Ok(None) };
    let [least, most] = [least, most].map(|raw| ColumnKind::Time.stored(raw));
    let start = match asked.start {
        i64::MIN => edge(log, matches, false)?,
        start => Some(start.max(least)),
    };
    let end = match asked.end {
        i64::MAX => edge(log, matches, true)?.map(|last| now.max(last.saturating_add(1))),
        end => Some(end.min(now.max(most.saturating_add(1)))),
    };
    Ok(start.zip(end).map(|(start, end)| start..end.max(start.saturating_add(1))))
}

/// The earliest or the latest time of a match.
fn edge(log: &dyn Snapshot, matches: &[Matches<'_>], latest: bool) -> Result<Option<i64>, StoreError> {
    let end = |one: &Matches<'_>| if latest { !one.times.ends().1 } else { one.times.ends().0 };
    let mut order: Vec<_> = matches.iter().collect();
    order.sort_by_key(|one| end(one));
    // Numbers are inverted for the latest time, so that it is a minimum as well.
    let mut best: Option<u64> = None;
    for one in order {
        if best.is_some_and(|best| best <= end(one)) {
            break;
        }
        let axis = Axis::numbers(log, one.block, Field::OccurredAt)?;
        for (word, bits) in one.words() {
            let raws = axis.raws(word);
            let least = ones(bits).map(|bit| if latest { !raws[bit] } else { raws[bit] }).min();
            best = best.into_iter().chain(least).min();
        }
    }
    Ok(best.map(|raw| ColumnKind::Time.stored(if latest { !raw } else { raw })))
}

impl Matches<'_> {
    /// The words with a matching row, each with its position.
    fn words(&self) -> impl Iterator<Item = (usize, u64)> {
        self.found.words().iter().copied().enumerate().filter(|(_, bits)| *bits != 0)
    }

    /// Adds the rows to their bars.
    fn count_times(&self, log: &dyn Snapshot, bars: &mut Bars) -> Result<(), StoreError> {
        let (least, most) = self.times.ends();
        let [first, last] = [least, most].map(|raw| bars.at(ColumnKind::Time.stored(raw)));
        let mut before = (0, 0);
        if (1..=COMPARED).contains(&(last - first)) {
            let counted = self.block.planes(log, Field::OccurredAt, |bytes| {
                let mut counts = Vec::with_capacity(COMPARED);
                for bar in first..last {
                    let wanted = ValueSet::Within(1..ColumnKind::Time.raw(bars.start(bar + 1)));
                    let below = self.times.select(&self.times.codes(&wanted), bytes, self.block.length)?;
                    counts.push((self.found.common(&below), self.errors.common(&below)));
                }
                Some(counts)
            })?;
            for (bar, (entries, errors)) in (first..last).zip(counted) {
                bars.add(bar, entries - before.0, errors - before.1);
                before = (entries, errors);
            }
        } else if last > first {
            let axis = Axis::numbers(log, self.block, Field::OccurredAt)?;
            for (word, bits) in self.words() {
                let (raws, errors) = (axis.raws(word), self.errors.words().get(word).copied().unwrap_or(0));
                for bit in ones(bits) {
                    bars.add(bars.at(ColumnKind::Time.stored(raws[bit])), 1, errors >> bit & 1);
                }
            }
            return Ok(());
        }
        bars.add(last, self.found.count() - before.0, self.errors.count() - before.1);
        Ok(())
    }

    /// Adds the rows to the counts of their values. Rows whose field is not set are left out.
    fn count_values(
        &self,
        log: &dyn Snapshot,
        known: &BlockCounts,
        field: Field,
        counts: &mut ByValue,
    ) -> Result<(), StoreError> {
        let mut add = |(raw, count): &(u64, u64)| *counts.entry(*raw).or_default() += count;
        if self.found.count() == self.block.length {
            known.of(self.block, field, || self.values(log, field))?.iter().for_each(&mut add);
        } else {
            self.values(log, field)?.iter().for_each(&mut add);
        }
        Ok(())
    }

    /// How many rows have each value of a field.
    fn values(&self, log: &dyn Snapshot, field: Field) -> Result<Vec<(u64, u64)>, StoreError> {
        let Some(zone) = self.block.zone(log, field)? else { return Ok(Vec::new()) };
        let Zone::Values(values) = &zone else { return Ok(Vec::new()) };
        let counts = match values.as_slice() {
            [_] => vec![self.found.count()],
            _ => self.block.planes(log, field, |bytes| zone.count(&self.found, bytes))?,
        };
        let set = values.iter().copied().zip(counts).filter(|(raw, count)| *raw > 0 && *count > 0);
        Ok(set.collect())
    }
}

/// Counts by a column's numbers.
type ByValue = HashMap<u64, u64, RandomState>;

impl FieldCounts {
    fn new(field: Field) -> Self {
        Self { field, values: Vec::new(), found: 0 }
    }
}

fn values(
    log: &dyn Snapshot,
    texts: &Texts,
    known: &BlockCounts,
    query: &OverviewQuery,
    matches: &[Matches<'_>],
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Vec<FieldCounts>>, StoreError> {
    let mut all = Vec::new();
    for field in query.fields.iter().copied() {
        let mut counts = ByValue::default();
        for one in matches {
            if !go_on() {
                return Ok(None);
            }
            one.count_values(log, known, field, &mut counts)?;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|(raw, count)| (std::cmp::Reverse(*count), *raw));
        let named = |(raw, count): &(u64, u64)| Ok((Axis::value(log, texts, GroupBy::Field(field), *raw)?, *count));
        let values = counts.iter().take(query.values).map(named).collect::<Result<_, StoreError>>()?;
        all.push(FieldCounts { field, values, found: counts.len() });
    }
    Ok(Some(all))
}
