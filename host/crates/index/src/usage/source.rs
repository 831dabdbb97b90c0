//! The log as usage sees it: cells and entries together, and what both give for a question.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use super::cells::Cells;
use super::cuts::{Cut, DIMENSIONS};
use super::entries::Requests;
use super::lot::{Amounts, Lot};
use super::measures::OfEntries;
use super::question::{Question, within};
use super::runs::{self, Grain, Key, Run};
use super::span::Spans;
use super::tally::Tally;
use super::users::Users;
use crate::StoreError;
use crate::columns::Bitmap;
use crate::dictionary::Texts;
use crate::search::block_scan::BlockScan;
use crate::search::blocks::Block;
use crate::search::plan::Plan;
use crate::snapshot::Snapshot;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;

/// The log as usage sees it, at one moment.
pub(crate) struct Source<'c> {
    pub(crate) log: &'c dyn Snapshot,
    pub(crate) texts: &'c Texts,
    pub(crate) runs: Vec<Run>,
    /// The first place that the cleanup left.
    pub(crate) pruned: u64,
    /// The first place whose usage it left.
    pub(crate) kept: u64,
    /// The entries that runs are about as well.
    pub(crate) folded: BlockScan,
    /// The entries behind the last run.
    tail: BlockScan,
    /// What was found there last: most questions of a query are about the same range.
    found: RefCell<Option<Remembered>>,
    /// Whether a run was passed over that is damaged and cannot be made again.
    pub(crate) damaged: Cell<bool>,
}

/// What finds cells: those within a range of time, and of them those that the filter is about.
struct Plans {
    times: Plan,
    rest: Plan,
    /// The only users whose cells may be found, where only some may.
    users: Option<BTreeSet<u64>>,
}

/// The requests of a block, and what is measured of them.
type Found = (Bitmap, Rc<OfEntries>);

/// What was found in each block of the tail for a range and a filter.
struct Remembered {
    range: Range<i64>,
    rest: Domain,
    found: Rc<[Option<Found>]>,
}

impl<'c> Source<'c> {
    /// The log as of now; `rest` names the columns that questions will be about besides. Entries from the place `until` on
    /// are left out where there are no runs about them.
    pub(crate) fn new(log: &'c dyn Snapshot, texts: &'c Texts, rest: &Domain, until: u64) -> Result<Self, StoreError> {
        let mut fields = Requests::new(log, texts, rest.clone())?.fields();
        fields.extend(DIMENSIONS);
        let folded = runs::folded(log)?;
        let runs = runs::all(log)?;
        let source = Self {
            log,
            texts,
            runs: runs.iter().map(|(run, _)| *run).collect(),
            kept: log.head()?.usage_pruned,
            pruned: log.seqs()?.start,
            folded: BlockScan::new(log, 0..folded, &fields)?,
            tail: BlockScan::new(log, folded..until.max(folded), &fields)?,
            found: RefCell::new(None),
            damaged: Cell::new(false),
        };
        // What it says of its time could keep it from being read.
        for (run, _) in runs.iter().filter(|(_, is_whole)| !is_whole) {
            source.readable(run, Err::<(), _>(run.damaged()))?;
        }
        Ok(source)
    }

    /// Counts what is asked for.
    pub(crate) fn count(&self, question: &Question<'_>) -> Result<Tally, StoreError> {
        let mut tally = Tally::new(question.by, question.detail);
        self.visit(question, |lot| tally.add(self.log, lot))?;
        Ok(tally)
    }

    /// Shows all that there is to `question`, in no order.
    pub(crate) fn visit(
        &self,
        question: &Question<'_>,
        mut show: impl FnMut(Lot<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let cut = question.cut();
        let spans = Spans::new(question.range, cut, question.is_hourly());
        if let Some(cut) = cut {
            self.visit_cells(question, (cut, Grain::Day), &spans.days, &mut show)?;
            self.visit_cells(question, (cut, Grain::Hour), &spans.hours, &mut show)?;
        }
        self.visit_entries(question, &self.folded, &spans.entries, &mut show)?;
        self.visit_tail(question, &mut show)
    }

    /// Shows all that there is to a question about the users of chosen values: `see` the users of whole days, a set for
    /// each cell of `cut`, and `show` what is left of the range.
    pub(crate) fn visit_users(
        &self,
        question: &Question<'_>,
        cut: Cut,
        mut see: impl FnMut(&Block, Bitmap, &Users) -> Result<(), StoreError>,
        mut show: impl FnMut(Lot<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let spans = Spans::new(question.range, question.cut(), false);
        let plans = self.plans(question, &spans.days)?;
        for (run, key) in self.parts(&spans.days, (cut, Grain::Day), &plans) {
            let Some((cells, found)) = self.found_cells(question, run, key, &plans)? else { continue };
            if let Some(users) = self.readable(run, run.users(self.log, key, &cells))? {
                see(&cells.block, found, &users)?;
            }
        }
        self.visit_entries(question, &self.folded, &spans.entries, &mut show)?;
        self.visit_tail(question, &mut show)
    }

    /// The parts that may have cells within one of the ranges.
    fn parts(
        &self,
        ranges: &[Range<i64>],
        (cut, grain): (Cut, Grain),
        plans: &Plans,
    ) -> impl Iterator<Item = (&Run, Key)> {
        let touched = self.runs.iter().filter(move |run| ranges.iter().any(|range| run.touches(range)));
        touched.flat_map(move |run| run.keys(cut, grain, plans.users.as_ref()).into_iter().map(move |key| (run, key)))
    }

    fn plans(&self, question: &Question<'_>, ranges: &[Range<i64>]) -> Result<Plans, StoreError> {
        let rest = Plan::new(self.log, self.texts, question.rest)?;
        let users = rest.required(Field::User);
        Ok(Plans { times: within(ranges), rest, users })
    }

    /// The cells of a part and those of them that there are to `question`, if there are any.
    fn found_cells(
        &self,
        question: &Question<'_>,
        run: &Run,
        key: Key,
        plans: &Plans,
    ) -> Result<Option<(Cells, Bitmap)>, StoreError> {
        let Some(cells) = self.readable(run, run.cells(self.log, key))? else { return Ok(None) };
        let found = plans.times.find(self.log, &cells.block, cells.all())?;
        let found = question.narrow(self.log, &cells.block, found)?;
        let found = plans.rest.find(self.log, &cells.block, found)?;
        Ok((!found.is_empty()).then_some((cells, found)))
    }

    fn visit_cells(
        &self,
        question: &Question<'_>,
        which: (Cut, Grain),
        ranges: &[Range<i64>],
        show: &mut impl FnMut(Lot<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let plans = self.plans(question, ranges)?;
        for (run, key) in self.parts(ranges, which, &plans) {
            let Some((cells, found)) = self.found_cells(question, run, key, &plans)? else { continue };
            let (mut sums, mut durations) = (None, None);
            if question.detail.sums() {
                sums = self.readable(run, run.sums(self.log, key, &cells))?;
            }
            if question.detail.durations() {
                durations = self.readable(run, run.durations(self.log, key, &cells))?;
            }
            show(Lot { block: &cells.block, found, amounts: Amounts::Cells(sums, durations) })?;
        }
        Ok(())
    }

    fn visit_entries(
        &self,
        question: &Question<'_>,
        walk: &BlockScan,
        ranges: &[Range<i64>],
        show: &mut impl FnMut(Lot<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if ranges.is_empty() {
            return Ok(());
        }
        let requests = Requests::new(self.log, self.texts, question.rest.clone())?;
        let times = within(ranges);
        for (block, places) in walk.blocks() {
            let found = self.found(&requests, &times, block, places)?;
            self.tell(question, block, found.as_ref(), show)?;
        }
        Ok(())
    }

    /// The requests among `places`, if there are any.
    fn found(
        &self,
        requests: &Requests,
        times: &Plan,
        block: &Block,
        places: Bitmap,
    ) -> Result<Option<Found>, StoreError> {
        let found = times.find(self.log, block, places)?;
        let found = requests.find(self.log, block, found)?;
        if found.is_empty() {
            return Ok(None);
        }
        let measures = requests.measures(self.log, block, &found)?;
        Ok(Some((found, Rc::new(measures))))
    }

    fn visit_tail(
        &self,
        question: &Question<'_>,
        show: &mut impl FnMut(Lot<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let tail = self.found_in_tail(question)?;
        let mut blocks = self.tail.blocks().map(|(block, _)| block).zip(tail.iter());
        blocks.try_for_each(|(block, found)| self.tell(question, block, found.as_ref(), show))
    }

    /// What there is to `question` in each block of the tail, whatever is chosen of it.
    fn found_in_tail(&self, question: &Question<'_>) -> Result<Rc<[Option<Found>]>, StoreError> {
        let remembered = self.found.borrow();
        let same = |last: &&Remembered| (&last.range, &last.rest) == (question.range, question.rest);
        if let Some(last) = remembered.as_ref().filter(same) {
            return Ok(Rc::clone(&last.found));
        }
        drop(remembered);
        let requests = Requests::new(self.log, self.texts, question.rest.clone())?;
        let times = within(std::slice::from_ref(question.range));
        let found = self.tail.blocks().map(|(block, places)| self.found(&requests, &times, block, places));
        let found: Rc<[Option<Found>]> = found.collect::<Result<_, _>>()?;
        let (range, rest) = (question.range.clone(), question.rest.clone());
        *self.found.borrow_mut() = Some(Remembered { range, rest, found: Rc::clone(&found) });
        Ok(found)
    }

    fn tell(
        &self,
        question: &Question<'_>,
        block: &Block,
        found: Option<&Found>,
        show: &mut impl FnMut(Lot<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some((found, measures)) = found else { return Ok(()) };
        let found = question.narrow(self.log, block, found.clone())?;
        if found.is_empty() {
            return Ok(());
        }
        show(Lot { block, found, amounts: Amounts::Entries(Rc::clone(measures)) })
    }

    /// What was read of a run; nothing where it is damaged and its entries are gone, which is remembered.
    pub(crate) fn readable<T>(&self, run: &Run, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Err(error) if error.is_index() && run.first < self.pruned => {
                self.damaged.set(true);
                Ok(None)
            }
            read => read.map(Some),
        }
    }
}
