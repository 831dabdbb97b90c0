//! The data of usage: cells where there are runs, and entries for the rest of a range and after the last run.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;

use super::cells::{Cut, bits};
use super::{HOUR, ceil, dimensions, floor, runs};
use crate::columns::{Bitmap, ColumnKind, ValueSet};
use crate::dictionary::Texts;
use crate::search::axis::Axis;
use crate::search::block_scan::BlockScan;
use crate::search::blocks::Block;
use crate::search::keyed_counts::KeyedCounts;
use crate::search::plan::Plan;
use crate::search::total::{Amounts, EntryAmounts, Total, failures, raws};
use crate::snapshot::{Snapshot, StoredRun};
use crate::step::Steps;
use crate::{StoreError, UsageBy, UsageStep, requests};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::DAY;
use mcp_audit_log_model::time_zone::TimeZone;

/// The most keys of one question.
const MAX_KEYS: usize = 1 << 20;
/// The most keys with histograms: points of a series, or shown rows.
const MAX_TIMED: usize = 1 << 12;

/// The key of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Nothing,
    Step(Steps),
    Fields(UsageBy),
}

/// One question about the requests of a range.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) by: By,
    /// Whether each of its steps begins with an hour of UTC.
    pub(super) has_whole_hours: bool,
    /// Whether more than the keys is counted, and whether more than sums is counted.
    pub(super) has_sums: bool,
    pub(super) is_full: bool,
    /// Only requests in which the fields have one of these pairs of numbers. The second is 0 where there is one field.
    pub(super) among: Option<Vec<[u64; 2]>>,
    /// The fields that the question needs, one bit each.
    pub(super) fields: u64,
}

/// The counts for a question, by key.
pub(super) type Counters = KeyedCounts<2, Total>;

/// The data of usage, at one moment, for one filter.
pub(super) struct Source<'s> {
    pub(super) log: &'s dyn Snapshot,
    rest: Plan,
    requests: Plan,
    failed: Plan,
    /// The fields of the filter, a bit each.
    fields: u64,
    /// The only users that can match, if the filter limits them.
    users: Option<BTreeSet<u64>>,
    runs: Vec<StoredRun>,
    /// The end of the last run.
    aggregated: u64,
    pruned: u64,
    usage_pruned: u64,
    scan: BlockScan,
    /// Whether a damaged run was left out that cannot be computed again.
    damaged: Cell<bool>,
}

/// The parts of a range of time: those that cells by day answer, those that cells by hour answer, and those that only
/// entries answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spans {
    days: Vec<Range<i64>>,
    hours: Vec<Range<i64>>,
    entries: Vec<Range<i64>>,
}

impl Question {
    /// The time unit of the cells of its cut (an hour or a day); `None` if only entries can answer.
    pub(super) fn unit(&self) -> Option<i64> {
        match Cut::of(self.fields)?.is_pair() {
            _ if !self.has_whole_hours => None,
            false => Some(HOUR),
            true if self.needs_hours() => None,
            true => Some(DAY),
        }
    }

    /// Whether the cells by day of UTC are too long for its steps.
    fn needs_hours(&self) -> bool {
        matches!(self.by, By::Step(Steps { step, zone }) if step == UsageStep::Hour || zone != TimeZone::UTC)
    }

    fn spans(&self, range: &Range<i64>) -> Spans {
        let unit = self.unit().unwrap_or(i64::MAX);
        let inner = ceil(range.start, unit)..floor(range.end, unit);
        if unit == i64::MAX || inner.is_empty() {
            return Spans { entries: around(range, &(range.end..range.end)), ..Spans::default() };
        }
        let days = ceil(inner.start, DAY)..floor(inner.end, DAY);
        let entries = around(range, &inner);
        match self.needs_hours() || days.is_empty() {
            true => Spans { days: Vec::new(), hours: vec![inner], entries },
            false => Spans { hours: around(&inner, &days), days: vec![days], entries },
        }
    }

    /// Empty counters for a question.
    fn counters(&self) -> Counters {
        match &self.among {
            Some(keys) => KeyedCounts::only(keys, || Total::new(self.is_full)),
            None => KeyedCounts::new(if self.is_full { MAX_TIMED } else { MAX_KEYS }),
        }
    }

    /// Counts rows of a block of entries or cells.
    fn count(
        &self,
        log: &dyn Snapshot,
        block: &Block,
        found: &Bitmap,
        amounts: Option<&impl Amounts>,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        let numbers = |field| Axis::numbers(log, block, field);
        let (axis, second) = match self.by {
            By::Nothing => (Axis::One, None),
            By::Step(steps) => (numbers(Field::OccurredAt)?.by_step(steps), None),
            By::Fields(by) => (numbers(by.field)?, by.second.map(numbers).transpose()?),
        };
        let users = if self.is_full { raws(log, block, Field::User, found)? } else { Vec::new() };
        let count = |total: &mut Total, word: &usize, bit: usize| {
            let row = word * 64 + bit;
            amounts.into_iter().for_each(|amounts| amounts.add(row, total));
            users.get(row).into_iter().for_each(|user| total.add_user(*user));
        };
        let counted = counters.count(
            [&axis, &second.unwrap_or(Axis::One)],
            found,
            || Total::new(self.is_full),
            |word| word,
            count,
        );
        counted.ok_or(StoreError::TooManyValues)
    }

    /// The rows of `within` that may match the question: each field has one of its numbers.
    fn narrow(&self, log: &dyn Snapshot, block: &Block, mut within: Bitmap) -> Result<Bitmap, StoreError> {
        let (By::Fields(by), Some(keys)) = (self.by, &self.among) else { return Ok(within) };
        for (at, field) in by.fields().enumerate() {
            let numbers: BTreeSet<_> = keys.iter().map(|key| key[at]).collect();
            within = Plan::Column(field, ValueSet::Among(numbers.into_iter().collect())).find(log, block, within)?;
        }
        Ok(within)
    }
}

fn around(outer: &Range<i64>, inner: &Range<i64>) -> Vec<Range<i64>> {
    [outer.start..inner.start, inner.end..outer.end].into_iter().filter(|range| !range.is_empty()).collect()
}

/// Rows whose time is in one of the ranges. The time of a cell is its beginning.
fn within(ranges: &[Range<i64>]) -> Plan {
    let wanted =
        |range: &Range<i64>| ValueSet::Within(ColumnKind::Time.raw(range.start)..ColumnKind::Time.raw(range.end));
    Plan::Any(ranges.iter().map(|range| Plan::Column(Field::OccurredAt, wanted(range))).collect())
}

impl<'s> Source<'s> {
    /// The current log; `rest` filters the requests. Entries from the seq `until` on are left out unless a run contains
    /// them.
    pub(super) fn new(log: &'s dyn Snapshot, texts: &Texts, rest: &Domain, until: u64) -> Result<Self, StoreError> {
        let plan = |domain: &Domain| Plan::new(log, texts, domain);
        let (requests, failed) = (plan(&requests().and(rest.clone()))?, plan(&failures())?);
        let mut columns: BTreeSet<_> = EntryAmounts::FIELDS.into_iter().chain(dimensions()).collect();
        columns.extend([Field::OccurredAt, Field::Outcome]);
        requests.fields(&mut columns);
        let mut fields = BTreeSet::new();
        rest.fields(&mut fields);
        let rest = plan(rest)?;
        let (aggregated, head) = (runs::end(log)?, log.head()?);
        let source = Self {
            log,
            users: rest.required(Field::User),
            rest,
            requests,
            failed,
            fields: bits(&fields),
            runs: log.runs()?,
            aggregated,
            pruned: head.pruned,
            usage_pruned: head.usage_pruned,
            scan: BlockScan::new(log, 0..until.max(aggregated), &columns)?,
            damaged: Cell::new(false),
        };
        // What it says of its time could keep it from being read.
        for run in source.runs.iter().filter(|run| run.checksum != run.computed_checksum()) {
            source.readable(run, Err::<(), _>(run.damaged()))?;
        }
        Ok(source)
    }

    /// A question about all requests.
    pub(super) fn question(&self, by: By, has_sums: bool, is_full: bool) -> Question {
        let own = if let By::Fields(by) = by { by.fields().fold(0, |own, field| own | bits(&[field])) } else { 0 };
        Question { by, has_whole_hours: true, has_sums, is_full, among: None, fields: self.fields | own }
    }

    /// Counts the requests in `range` for each question.
    pub(super) fn count(&self, range: &Range<i64>, questions: &[Question]) -> Result<Vec<Counters>, StoreError> {
        let mut counters: Vec<_> = questions.iter().map(Question::counters).collect();
        let spans: Vec<_> = questions.iter().map(|question| question.spans(range)).collect();
        for ((question, spans), counters) in questions.iter().zip(&spans).zip(&mut counters) {
            self.count_cells(question, &spans.days, true, counters)?;
            self.count_cells(question, &spans.hours, false, counters)?;
        }
        let spans: Vec<_> = spans.into_iter().map(|spans| spans.entries).collect();
        self.count_entries(range, questions, &spans, &mut counters)?;
        Ok(counters)
    }

    fn count_cells(
        &self,
        question: &Question,
        ranges: &[Range<i64>],
        by_day: bool,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        let (log, times) = (self.log, within(ranges));
        for run in self.runs.iter().filter(|run| ranges.iter().any(|range| run.touches(range))) {
            for key in run.keys(log, question.fields, by_day, self.users.as_ref()) {
                let Some((block, all)) = self.readable(run, run.cells(log, key))? else { continue };
                let count = all.count();
                let found = question.narrow(log, &block, times.find(log, &block, all)?)?;
                let found = self.rest.find(log, &block, found)?;
                if found.is_empty() {
                    continue;
                }
                let amounts =
                    question.has_sums.then(|| self.readable(run, run.amounts(log, key, count))).transpose()?;
                question.count(log, &block, &found, amounts.flatten().as_ref(), counters)?;
            }
        }
        Ok(())
    }

    /// Counts the entries after the runs. For each question it also counts the entries in the parts of the range that
    /// cells cannot answer. One pass serves all questions.
    fn count_entries(
        &self,
        range: &Range<i64>,
        questions: &[Question],
        spans: &[Vec<Range<i64>>],
        counters: &mut [Counters],
    ) -> Result<(), StoreError> {
        let log = self.log;
        let (all, any) = (within(std::slice::from_ref(range)), within(&spans.concat()));
        let each: Vec<_> = spans.iter().map(|spans| within(spans)).collect();
        for (block, seqs) in self.scan.blocks() {
            let tail = block.within(&(self.aggregated..u64::MAX));
            let old = any.find(log, block, seqs.clone().without(&tail))?;
            let tail = all.find(log, block, seqs.and(&tail))?;
            let found = self.requests.find(log, block, old.or(&tail))?;
            if found.is_empty() {
                continue;
            }
            let errors = self.failed.find(log, block, found.clone())?;
            let entries = EntryAmounts::new(log, block, &found, errors)?;
            for ((question, times), counters) in questions.iter().zip(&each).zip(&mut *counters) {
                let old = times.find(log, block, found.clone().without(&tail))?;
                let found = question.narrow(log, block, found.clone().and(&tail).or(&old))?;
                if !found.is_empty() {
                    question.count(log, block, &found, question.has_sums.then_some(&entries), counters)?;
                }
            }
        }
        Ok(())
    }

    /// The range that can be answered exactly. If an end of `range` is within a `unit` of time (an hour or a day) that
    /// lost entries, the range is widened to the whole unit.
    pub(super) fn covered(&self, range: &Range<i64>, unit: i64) -> Result<Range<i64>, StoreError> {
        let (start, end) = (floor(range.start, unit), ceil(range.end, unit));
        let is_first_gone = start < range.start && self.is_gone(&(start..start.saturating_add(unit)))?;
        let is_last_gone = end > range.end && self.is_gone(&(end.saturating_sub(unit)..end))?;
        Ok(if is_first_gone { start } else { range.start }..if is_last_gone { end } else { range.end })
    }

    /// Whether all data that an exact answer needs still exists.
    pub(super) fn is_exact(&self, range: &Range<i64>, question: &Question) -> Result<bool, StoreError> {
        match question.unit() {
            Some(unit) => Ok(self.covered(range, unit)? == *range),
            None => Ok(!self.is_gone(&(floor(range.start, HOUR)..ceil(range.end, HOUR)))?),
        }
    }

    /// Whether entries of requests that began in `range` were removed: then the cells count more requests than the
    /// entries. `range` consists of whole hours.
    pub(super) fn is_gone(&self, range: &Range<i64>) -> Result<bool, StoreError> {
        let (log, times) = (self.log, within(std::slice::from_ref(range)));
        let (mut counted, mut end) = (Total::default(), 0);
        for run in self.runs.iter().filter(|run| run.start() < self.pruned && run.touches(range)) {
            end = run.end();
            for key in run.keys(log, 0, false, None) {
                let Some((block, all)) = self.readable(run, run.cells(log, key))? else { return Ok(true) };
                let Some(amounts) = self.readable(run, run.amounts(log, key, all.count()))? else { return Ok(true) };
                times.find(log, &block, all)?.rows().for_each(|row| amounts.add(row as usize, &mut counted));
            }
        }
        let (requests, mut left) = (Plan::new(log, &Texts::default(), &requests())?, 0);
        for (block, seqs) in self.scan.blocks().filter(|(block, _)| block.first < end) {
            let found = times.find(log, block, seqs.and(&block.within(&(0..end))))?;
            left += requests.find(log, block, found)?.count();
        }
        Ok(left < counted.sums.entries)
    }

    /// Whether a damaged run was read that cannot be computed again.
    pub(super) fn is_damaged(&self) -> bool {
        let end = self.runs.iter().try_fold(self.usage_pruned, |end, run| (run.first == end).then_some(run.end()));
        self.damaged.get() || end.is_none_or(|end| end < self.pruned)
    }

    /// The result of reading a run; `None` if the run is damaged and its entries are removed. This is remembered for
    /// the answer.
    fn readable<T>(&self, run: &StoredRun, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Err(error) if error.is_index() && run.start() < self.pruned => {
                self.damaged.set(true);
                Ok(None)
            }
            read => read.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_hours_and_days_are_for_cells() {
        let question = |by, fields: &[Field]| Question {
            by,
            has_whole_hours: true,
            has_sums: true,
            is_full: false,
            among: None,
            fields: bits(fields),
        };
        let (hourly, pair) = (By::Step(Steps::utc(UsageStep::Hour)), [Field::User, Field::Tool]);
        let range = DAY - HOUR - 1..3 * DAY + 2 * HOUR + 5;
        let entries = vec![DAY - HOUR - 1..DAY - HOUR, 3 * DAY + 2 * HOUR..3 * DAY + 2 * HOUR + 5];
        let (hours, days) =
            (vec![DAY - HOUR..DAY, 3 * DAY..3 * DAY + 2 * HOUR], Vec::from_iter(std::iter::once(DAY..3 * DAY)));
        let spans = |by, fields: &[Field]| question(by, fields).spans(&range);
        assert_eq!(spans(By::Nothing, &[]), Spans { days: days.clone(), hours, entries: entries.clone() });
        let hours = Vec::from_iter(std::iter::once(DAY - HOUR..3 * DAY + 2 * HOUR));
        assert_eq!(spans(hourly, &[]), Spans { hours, entries, ..Spans::default() });
        let entries = vec![DAY - HOUR - 1..DAY, 3 * DAY..range.end];
        assert_eq!(spans(By::Nothing, &pair), Spans { days, entries, ..Spans::default() });
        let whole = Spans { entries: Vec::from_iter(std::iter::once(range.clone())), ..Spans::default() };
        assert_eq!([spans(hourly, &pair), spans(By::Nothing, &[Field::Method])], [whole.clone(), whole]);
        let short = question(By::Nothing, &[]).spans(&(5..HOUR + 5));
        assert_eq!(short.entries, Vec::from_iter(std::iter::once(5..HOUR + 5)));
    }
}
