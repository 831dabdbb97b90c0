//! Entries in the order in which they began, such as those of a session. Other pages are in the order of recording, in
//! which a call comes after all that happened while it ran.

use std::collections::BTreeSet;

use super::axis::Axis;
use super::block_scan::BlockScan;
use super::keyed_counts::ones;
use super::plan::Plan;
use super::rows;
use super::total::failures;
use crate::StoreError;
use crate::columns::ColumnKind;
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// The most entries of one timeline. Of a longer one, it has the entries that were recorded last.
pub const MAX_TIMELINE: usize = 20_000;

/// The most positions of errors that are listed.
const FIRST_ERRORS: usize = 20;

/// Which entries, and which part of them.
#[derive(Clone, Debug)]
pub struct TimelineQuery {
    /// The filter, with the record rule in it.
    pub domain: Domain,
    /// Where the page begins.
    pub from: TimelineAnchor,
    /// The most entries of a page.
    pub limit: usize,
}

/// Where a page of a timeline begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineAnchor {
    /// After this many whole pages.
    Page(usize),
    /// The page with the entry of this `seq`; the first one if the timeline does not have it.
    Entry(u64),
}

/// A page of a timeline.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The entries of the page, in the order in which they began.
    pub entries: Vec<Entry>,
    /// How many entries are before this page.
    pub before: usize,
    /// How many entries the timeline has.
    pub found: usize,
    /// When the first of them began.
    pub begun: Option<Timestamp>,
    /// How many of them are not a success.
    pub errors: usize,
    /// The positions of the first of these in the timeline, counted from 0.
    pub first_errors: Vec<usize>,
    /// Whether older entries were left out, because there are more than [`MAX_TIMELINE`].
    pub is_cut: bool,
}

/// Reads a page of a timeline.
pub(crate) fn timeline(log: &dyn Snapshot, texts: &Texts, query: &TimelineQuery) -> Result<Timeline, StoreError> {
    let plan = Plan::new(log, texts, &query.domain)?;
    let failed = Plan::new(log, texts, &failures())?;
    let mut fields = BTreeSet::from([Field::OccurredAt, Field::Outcome]);
    plan.fields(&mut fields);
    let scan = BlockScan::new(log, 0..u64::MAX, &fields)?;
    // The number of the time, the seq, and whether it failed.
    let mut all: Vec<(u64, u64, bool)> = Vec::new();
    for (block, within) in scan.blocks().rev() {
        let found = plan.find(log, block, within)?;
        if found.is_empty() {
            continue;
        }
        let (axis, errors) = (Axis::numbers(log, block, Field::OccurredAt)?, failed.find(log, block, found.clone())?);
        for (word, bits) in found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
            let raws = axis.raws(word);
            all.extend(ones(*bits).map(|bit| {
                let row = (word * 64 + bit) as u64;
                (raws[bit], block.first + row, errors.contains(row))
            }));
        }
        if all.len() > MAX_TIMELINE {
            break;
        }
    }
    let is_cut = all.len() > MAX_TIMELINE;
    if is_cut {
        all.sort_unstable_by_key(|(_, seq, _)| std::cmp::Reverse(*seq));
        all.truncate(MAX_TIMELINE);
    }
    all.sort_unstable();
    let limit = query.limit.max(1);
    let page = match query.from {
        TimelineAnchor::Page(page) => page,
        TimelineAnchor::Entry(wanted) => all.iter().position(|(_, seq, _)| *seq == wanted).unwrap_or(0) / limit,
    };
    let before = page.saturating_mul(limit).min(all.len());
    let mut entries = Vec::new();
    for (_, seq, _) in all.iter().skip(before).take(limit) {
        // As on every page, the index only selects candidates.
        entries.extend(rows::entry(log, texts, *seq)?.filter(|entry| query.domain.matches(entry)));
    }
    let errors = || all.iter().enumerate().filter(|(_, (.., failed))| *failed).map(|(at, _)| at);
    Ok(Timeline {
        entries,
        before,
        found: all.len(),
        begun: all.first().map(|(raw, ..)| Timestamp::from_micros(ColumnKind::Time.stored(*raw))),
        errors: errors().count(),
        first_errors: errors().take(FIRST_ERRORS).collect(),
        is_cut,
    })
}
