//! From a query to its answer: a few questions over the same range of time, at one moment of the log.

use std::ops::Range;

use super::question::Question;
use super::source::Source;
use super::span::unit;
use super::tally::{By, Detail, Tally};
use super::{HOUR, ceil, floor};
use crate::columns::Kind;
use crate::dictionary::Texts;
use crate::search::seqs::seq_at;
use crate::snapshot::Snapshot;
use crate::{Lack, Point, StoreError, Totals, USAGE_FIELDS, Usage, UsageQuery, UsageStep};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// Values of a field up to which ranking them before their durations are read saves nothing.
const FEW: u64 = 48;

/// The usage that `query` asks for.
pub(crate) fn usage(log: &dyn Snapshot, texts: &Texts, query: &UsageQuery) -> Result<Usage, StoreError> {
    let (times, rest) = query.domain.clone().split_times();
    let asked = query.range.start.as_micros().max(times.start)..query.range.end.as_micros().min(times.end);
    let asked = asked.start..asked.end.max(asked.start);
    let step = query.step.unwrap_or(UsageStep::for_length(asked.end.saturating_sub(asked.start)));
    let step = step.fitting(asked.end.saturating_sub(asked.start));
    let until = query.recorded_before.map(|at| seq_at(log, at)).transpose()?;
    let source = Source::new(log, texts, &rest, until.unwrap_or(u64::MAX))?;
    let answering = Answering { source, texts, query, rest, step };
    let covered = answering.covered(&asked)?;
    let tallies = query.by.iter().map(|field| {
        let detail = if answering.has_few(*field)? { Detail::All } else { Detail::Sums };
        answering.tally(&covered, By::Field(*field), detail)
    });
    let tallies: Vec<_> = tallies.collect::<Result<_, _>>()?;
    let breakdowns = query.by.iter().zip(&tallies).map(|(field, tally)| answering.breakdown(&covered, *field, tally));
    let breakdowns = breakdowns.collect::<Result<_, _>>()?;
    let before = asked.start.saturating_sub(asked.end - asked.start)..asked.start;
    let before = query.previous.then(|| answering.covered(&before)).transpose()?;
    let previous =
        before.as_ref().map(|range| answering.totals(range, None, &[]).map(|totals| (moments(range), totals)));
    let by_step = answering.tally(&covered, By::Step(step), Detail::All)?;
    Ok(Usage {
        asked: moments(&asked),
        totals: answering.totals(&covered, Some(&by_step), &tallies)?,
        previous: previous.transpose()?,
        step,
        series: answering.series(&covered, &by_step),
        breakdowns,
        lacks: answering.lacks(before.map_or(covered.start, |before| before.start)..covered.end)?,
        covered: moments(&covered),
    })
}

/// What the questions of one query share.
pub(crate) struct Answering<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) texts: &'a Texts,
    pub(crate) query: &'a UsageQuery,
    rest: Domain,
    step: UsageStep,
}

impl Answering<'_> {
    /// A question about all requests of `range`.
    pub(crate) fn question<'q>(&'q self, range: &'q Range<i64>, by: By, detail: Detail) -> Question<'q> {
        Question { rest: &self.rest, range, by, detail, chosen: None }
    }

    /// Whether `field` has so few values in the whole log that all of them are counted at once, durations included.
    fn has_few(&self, field: Field) -> Result<bool, StoreError> {
        let mut count = 0;
        self.source.log.texts(field, 0, &mut |_, _| {
            count += 1;
            Ok(count <= FEW)
        })?;
        Ok(count <= FEW)
    }

    fn tally(&self, range: &Range<i64>, by: By, detail: Detail) -> Result<Tally, StoreError> {
        self.source.count(&self.question(range, by, detail))
    }

    /// What is asked besides what may be left out: the totals, the series, the breakdowns.
    fn questions(&self) -> impl Iterator<Item = By> + '_ {
        [By::Nothing, By::Step(self.step)].into_iter().chain(self.query.by.iter().map(|field| By::Field(*field)))
    }

    /// The range that can be answered for exactly: where an end is within an hour, or a day, whose entries are gone,
    /// all of that hour or day.
    fn covered(&self, range: &Range<i64>) -> Result<Range<i64>, StoreError> {
        let unit_of = |by| {
            let question = self.question(range, by, Detail::Sums);
            question.cut().and_then(|cut| unit(cut, question.is_hourly()))
        };
        let Some(unit) = self.questions().filter_map(unit_of).max() else { return Ok(range.clone()) };
        let (start, end) = (floor(range.start, unit), ceil(range.end, unit));
        let widened = |inner: bool, hours: Range<i64>| Ok::<_, StoreError>(inner && self.source.is_gone(&hours)?);
        let first = widened(start < range.start, start..start.saturating_add(unit))?;
        let last = widened(end > range.end, end.saturating_sub(unit)..end)?;
        Ok(if first { start } else { range.start }..if last { end } else { range.end })
    }

    /// What the figures of `range` lack.
    fn lacks(&self, range: Range<i64>) -> Result<Vec<Lack>, StoreError> {
        let removed = self.source.log.head()?.usage_until.map(Timestamp::from_micros);
        let removed = removed.filter(|until| range.start < until.as_micros());
        let mut lacks: Vec<_> = removed.map(Lack::Removed).into_iter().collect();
        let by_entries = |by| self.question(&range, by, Detail::Sums).cut().is_none();
        if self.questions().any(by_entries) && self.source.is_gone(&hours(&range))? {
            lacks.push(Lack::Entries);
        }
        if self.source.is_damaged() {
            lacks.push(Lack::Damaged);
        }
        Ok(lacks)
    }

    /// `by_step` and `tallies` are what was counted already of this range: its steps, where they are not so short that
    /// they need more than the whole does, and its breakdowns, which know how many values there are.
    fn totals(&self, range: &Range<i64>, by_step: Option<&Tally>, tallies: &[Tally]) -> Result<Totals, StoreError> {
        let figures = match by_step.filter(|_| self.step != UsageStep::Hour) {
            Some(by_step) => by_step.total(),
            None => self.tally(range, By::Nothing, Detail::All)?.figures(0),
        };
        let unique = |field: Field| {
            let at = self.query.by.iter().position(|by| *by == field);
            let counted = |tally: &Tally| tally.keys.iter().filter(|key| **key > 0).count() as u64;
            let question = self.question(range, By::Field(field), Detail::Presence);
            if !self.is_exact(&question)? {
                return Ok((field, None));
            }
            let count = match at.and_then(|at| tallies.get(at)) {
                Some(tally) => counted(tally),
                None => counted(&self.source.count(&question)?),
            };
            Ok((field, Some(count)))
        };
        Ok(Totals { figures, unique: USAGE_FIELDS.into_iter().map(unique).collect::<Result<_, StoreError>>()? })
    }

    /// Whether nothing that would be needed to answer is gone.
    pub(crate) fn is_exact(&self, question: &Question<'_>) -> Result<bool, StoreError> {
        let Range { start, end } = *question.range;
        let Some(unit) = question.cut().and_then(|cut| unit(cut, question.is_hourly())) else {
            return Ok(!self.source.is_gone(&hours(question.range))?);
        };
        let (first, last) = (floor(start, unit), floor(end, unit));
        let gone = |at: i64, is_part: bool| Ok::<_, StoreError>(is_part && self.source.is_gone(&(at..at + unit))?);
        Ok(!gone(first, first != start)? && !gone(last, last != end)?)
    }

    fn series(&self, range: &Range<i64>, by_step: &Tally) -> Vec<Point> {
        let starts = std::iter::successors(Some(self.step.start(range.start)), |start| {
            Some(start + self.step.micros()).filter(|next| next > start)
        });
        let point = |start: i64| Point {
            from: Timestamp::from_micros(start.max(range.start)),
            to: Timestamp::from_micros((start + self.step.micros()).min(range.end)),
            figures: by_step.figures(Kind::Time.raw(start)),
        };
        starts.take_while(|start| *start < range.end).map(point).collect()
    }
}

fn hours(range: &Range<i64>) -> Range<i64> {
    floor(range.start, HOUR)..ceil(range.end, HOUR)
}

fn moments(range: &Range<i64>) -> Range<Timestamp> {
    Timestamp::from_micros(range.start)..Timestamp::from_micros(range.end)
}
