//! The entries for one sink, batch by batch, and what the log records about entries that it refuses.

use std::sync::{Arc, Weak};

use mcp_audit_log_core::sink::{EntryBatch, Feed, SinkError};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Event, OutcomeDetail};
use mcp_audit_log_model::field::Field;

use super::state::{FAILURE, FeedState};
use super::{SinkOptions, count};
use crate::follow_cursor::FollowCursor;
use crate::{Inner, OpenError};

/// The most entries of the log that one batch is looked for in: a filter that matches little must not take long.
const LOOKED_AT: u64 = 1 << 20;
/// The most refused entries that one entry reports.
const REPORTED: u64 = 500;

/// The action of the entry about refused entries.
const REFUSED: &str = "sink.refused";

/// The entries for one sink. It does not keep the log open.
///
/// What was acknowledged is durable before the next batch is sent, so that after a kill at most one batch comes twice.
pub(super) struct LogFeed {
    log: Weak<Inner>,
    options: SinkOptions,
    origin: Arc<str>,
    at: FeedState,
    /// The most entries of the next batch: fewer after a refusal, until the entry at fault is alone.
    limit: usize,
    /// Refused entries that no entry reports yet.
    refusals: Option<Refusals>,
}

/// Entries that were refused one after another.
struct Refusals {
    first: Entry,
    last: u64,
    entries: u64,
    reason: String,
}

impl LogFeed {
    /// The feed of a sink from its stored watermark on.
    pub(super) fn new(log: &Arc<Inner>, options: &SinkOptions, origin: Arc<str>) -> Result<Self, OpenError> {
        Ok(Self {
            log: Arc::downgrade(log),
            options: options.clone(),
            origin,
            at: FeedState::new(log, options, None)?,
            limit: options.batch,
            refusals: None,
        })
    }

    /// Stores how far the sink is, with the entries about it.
    fn store(&mut self, log: &Inner) -> Result<(), SinkError> {
        if let Some(refusals) = self.refusals.take() {
            let event = self.refusal(log, refusals);
            self.at.events.push(event);
        }
        self.at.store(log)
    }

    fn refusal(&self, log: &Inner, refusals: Refusals) -> Event {
        let Refusals { first, last, entries, reason } = refusals;
        let event = self.at.event(log, REFUSED).fact("first", count(first.seq)).fact("last", count(last));
        let event = event.fact("entries", count(entries)).fact("reason", reason);
        let why = "The destination of this sink refused these entries for good; the sink goes on after them.";
        let parent = (entries == 1 && last == first.seq).then_some(first.id);
        Event { parent, ..event.failed(OutcomeDetail::Unknown, FAILURE, why) }
    }

    /// Nothing is there to be sent.
    fn idle(&mut self, log: &Inner) -> Result<(), SinkError> {
        if self.at.has_skipped() || self.refusals.is_some() { self.store(log) } else { Ok(()) }
    }

    fn read(&mut self, log: &Inner) -> Result<Option<EntryBatch>, SinkError> {
        let failed = |error: &dyn std::fmt::Display| SinkError::Failed(error.to_string());
        loop {
            if self.at.is_unstored() {
                self.store(log)?;
            }
            let next = *log.recorder.gauges().next().borrow();
            if next <= self.at.watermark {
                return self.idle(log).map(|()| None);
            }
            let next = next.min(self.at.watermark.saturating_add(LOOKED_AT));
            let access = log.view.access(&self.options.viewer);
            let domain = self.options.domain.clone().and(Domain::below(next));
            let mut cursor = FollowCursor::new(domain, self.at.watermark.checked_sub(1));
            let entries = cursor.step(&log.view.reader(&access), next, self.limit);
            let entries = entries.map_err(|error| failed(&error))?;
            // After the entries, so that no removal can go unnoticed between the two.
            let first = log.view.files.prune_points().map_err(|error| failed(&error))?.0;
            if first > self.at.watermark {
                self.at.gap(log, first);
                continue;
            }
            if entries.is_empty() {
                self.at.watermark = cursor.passed();
                return self.idle(log).map(|()| None);
            }
            let seqs = self.at.watermark..cursor.passed();
            return Ok(Some(EntryBatch::new(Arc::clone(&self.at.name), Arc::clone(&self.origin), seqs, entries)));
        }
    }
}

impl Feed<EntryBatch> for LogFeed {
    fn next(&mut self) -> Result<Option<EntryBatch>, SinkError> {
        match self.log.upgrade() {
            Some(log) => self.read(&log),
            None => Ok(None),
        }
    }

    fn watermark(&self) -> u64 {
        self.at.watermark
    }

    fn arrived(&mut self, delivery: &EntryBatch) {
        self.limit = (self.limit * 2).min(self.options.batch);
        let Some(log) = self.log.upgrade() else { return };
        // Before the watermark moves on: the refused entries are those below it.
        if let Some(refusals) = self.refusals.take() {
            let event = self.refusal(&log, refusals);
            self.at.events.push(event);
        }
        self.at.answered(&log);
        (self.at.watermark, self.at.owes) = (delivery.seqs.end, true);
        if let Err(error) = self.store(&log) {
            tracing::warn!(sink = &*self.at.name, "{}; the sink waits for it", error.reason());
        }
    }

    fn refused(&mut self, delivery: &EntryBatch, reason: &str) -> u64 {
        let Some(log) = self.log.upgrade() else { return 0 };
        self.at.answered(&log);
        let [entry] = delivery.entries.as_slice() else {
            self.limit = (delivery.entries.len() / 2).max(1);
            return 0;
        };
        self.limit = 1;
        self.at.watermark = entry.seq + 1;
        tracing::warn!(sink = &*self.at.name, seq = entry.seq, reason, "the destination refused an entry for good");
        // A destination that refuses these too would get one more for each, without an end.
        if is_about_refusals(entry) {
            self.at.owes = true;
            return 1;
        }
        match &mut self.refusals {
            Some(refusals) => (refusals.last, refusals.entries) = (entry.seq, refusals.entries + 1),
            None => {
                let (first, reason) = (entry.clone(), reason.to_owned());
                self.refusals = Some(Refusals { last: first.seq, first, entries: 1, reason });
            }
        }
        self.at.owes |= self.refusals.as_ref().is_some_and(|refusals| refusals.entries >= REPORTED);
        1
    }

    fn arrived_partly(&mut self, delivery: &EntryBatch, rejected: u64, reason: &str) {
        let (log, entries) = (self.log.upgrade(), &delivery.entries);
        // As with a single one: the report would be rejected too, and reported, without an end.
        let is_worth_it = !entries.iter().all(is_about_refusals);
        if let (Some(log), [first, ..], true) = (log, entries.as_slice(), is_worth_it) {
            let last = entries.last().map_or(first.seq, |last| last.seq);
            let (first, reason) = (first.clone(), reason.to_owned());
            let event = self.refusal(&log, Refusals { first, last, entries: rejected, reason });
            self.at.events.push(event);
        }
        tracing::warn!(sink = &*self.at.name, rejected, reason, "the destination rejected a part of a batch");
        self.arrived(delivery);
    }

    fn failed(&mut self, error: &SinkError) {
        let Some(log) = self.log.upgrade() else { return };
        if self.at.failed(&log, error)
            && let Err(error) = self.store(&log)
        {
            tracing::warn!(sink = &*self.at.name, "{}; retrying", error.reason());
        }
    }
}

/// Whether the log itself recorded the entry about entries that a sink refused.
fn is_about_refusals(entry: &Entry) -> bool {
    (entry.text(Field::Channel), entry.text(Field::Method)) == (Some("system"), Some(REFUSED))
}
