//! The entries for one sink, batch by batch, and what the log stores and records about the sink.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_core::sink::{EntryBatch, Feed, SinkError};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{CheckpointChange, DestinationState};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Event, OutcomeDetail};
use mcp_audit_log_model::field::Field;

use super::{SinkOptions, count};
use crate::follow_cursor::FollowCursor;
use crate::{Inner, OpenError};

/// How often it is stored how far a sink is that got nothing, because no entry was for it.
const SKIPPED: Duration = Duration::from_secs(60);
/// The number of failures in a row that is worth an entry. One alone may be the restart of the other side.
const FAILURES: u32 = 2;
/// The most entries of the log that one batch is looked for in: a filter that matches little must not take long.
const LOOKED_AT: u64 = 1 << 20;
/// The most refused entries that one entry reports.
const REPORTED: u64 = 500;

/// The kind of failure in entries about a sink.
const FAILURE: &str = "sink";
/// The action of the entry about refused entries.
const REFUSED: &str = "sink.refused";

/// The entries for one sink. It does not keep the log open.
///
/// What was acknowledged is durable before the next batch is sent, so that after a kill at most one batch comes twice.
pub(super) struct LogFeed {
    log: Weak<Inner>,
    options: SinkOptions,
    name: Arc<str>,
    origin: Arc<str>,
    /// Everything below it was acknowledged, refused, or is not for the sink.
    watermark: u64,
    /// Whether something was acknowledged that is not stored yet.
    owes: bool,
    stored: u64,
    stored_at: Instant,
    /// Entries that are stored with the watermark.
    events: Vec<Event>,
    /// Whether the log says that the sink fails.
    is_failing: bool,
    /// Failures in a row.
    failures: u32,
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
    /// The feed of a sink from its stored watermark on. Where a sink begins that has none, is stored first, as it holds
    /// the cleanup back.
    pub(super) fn new(log: &Arc<Inner>, options: &SinkOptions, origin: Arc<str>) -> Result<Self, OpenError> {
        let files = &log.view.files;
        let (watermark, is_failing) = match files.sink(&options.name)? {
            Some(state) => (state.number, state.failing),
            None => {
                let first = if options.from_now { files.seqs()?.end } else { files.prune_points()?.0 };
                log.recorder.store_watermark(DestinationState::of_sink(&options.name, first, false))?;
                (first, false)
            }
        };
        Ok(Self {
            log: Arc::downgrade(log),
            options: options.clone(),
            name: options.name.as_str().into(),
            origin,
            watermark,
            owes: false,
            stored: watermark,
            stored_at: Instant::now(),
            events: Vec::new(),
            is_failing,
            failures: 0,
            limit: options.batch,
            refusals: None,
        })
    }

    fn event(&self, log: &Inner, action: &str) -> Event {
        log.event(action).fact("sink", &*self.name)
    }

    /// Stores how far the sink is, with the entries about it. What cannot be stored now is stored before the next batch
    /// is sent; the ids of the entries show then whether it was stored after all.
    fn store(&mut self, log: &Inner) -> Result<(), SinkError> {
        if let Some(refusals) = self.refusals.take() {
            self.events.push(self.refusal(log, refusals));
        }
        let state = DestinationState::of_sink(&self.name, self.watermark, self.is_failing);
        let stored = match self.events.as_slice() {
            [] => log.recorder.store_watermark(state),
            events => {
                let checkpoints = vec![CheckpointChange::Destination(state)];
                log.recorder.change(StateChange { checkpoints, ..StateChange::default() }, events.to_vec())
            }
        };
        stored.map_err(|error| SinkError::Failed(format!("how far the sink is cannot be stored: {error}")))?;
        self.events.clear();
        (self.owes, self.stored, self.stored_at) = (false, self.watermark, Instant::now());
        Ok(())
    }

    fn refusal(&self, log: &Inner, refusals: Refusals) -> Event {
        let Refusals { first, last, entries, reason } = refusals;
        let event = self.event(log, REFUSED).fact("first", count(first.seq)).fact("last", count(last));
        let event = event.fact("entries", count(entries)).fact("reason", reason);
        let why = "The destination of this sink refused these entries for good; the sink goes on after them.";
        let parent = (entries == 1 && last == first.seq).then_some(first.id);
        Event { parent, ..event.failed(OutcomeDetail::Unknown, FAILURE, why) }
    }

    /// The cleanup has removed entries up to `first` that the sink did not have.
    fn gap(&mut self, log: &Inner, first: u64) {
        let event = self.event(log, "sink.gap").fact("first", count(self.watermark)).fact("last", count(first - 1));
        let why = "The cleanup removed these entries before the sink had all of them; it goes on after them.";
        self.events.push(event.failed(OutcomeDetail::Incomplete, FAILURE, why));
        tracing::error!(
            sink = &*self.name,
            first = self.watermark,
            end = first,
            "the cleanup removed entries of a sink"
        );
        self.watermark = first;
    }

    /// The destination has answered.
    fn answered(&mut self, log: &Inner) {
        self.failures = 0;
        if std::mem::take(&mut self.is_failing) {
            self.events.push(self.event(log, "sink.recovered"));
        }
    }

    /// Nothing is there to be sent.
    fn idle(&mut self, log: &Inner) -> Result<(), SinkError> {
        let skipped = self.watermark > self.stored && self.stored_at.elapsed() >= SKIPPED;
        if skipped || self.refusals.is_some() { self.store(log) } else { Ok(()) }
    }

    fn read(&mut self, log: &Inner) -> Result<Option<EntryBatch>, SinkError> {
        let failed = |error: &dyn std::fmt::Display| SinkError::Failed(error.to_string());
        loop {
            if self.owes || !self.events.is_empty() {
                self.store(log)?;
            }
            let next = *log.recorder.gauges().next().borrow();
            if next <= self.watermark {
                return self.idle(log).map(|()| None);
            }
            let next = next.min(self.watermark.saturating_add(LOOKED_AT));
            let access = log.view.access(&self.options.viewer);
            let domain = self.options.domain.clone().and(Domain::below(next));
            let mut cursor = FollowCursor::new(domain, self.watermark.checked_sub(1));
            let entries = cursor.step(&log.view.reader(&access), next, self.limit);
            let entries = entries.map_err(|error| failed(&error))?;
            // After the entries, so that no removal can go unnoticed between the two.
            let first = log.view.files.prune_points().map_err(|error| failed(&error))?.0;
            if first > self.watermark {
                self.gap(log, first);
                continue;
            }
            if entries.is_empty() {
                self.watermark = cursor.passed();
                return self.idle(log).map(|()| None);
            }
            let seqs = self.watermark..cursor.passed();
            return Ok(Some(EntryBatch::new(Arc::clone(&self.name), Arc::clone(&self.origin), seqs, entries)));
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
        self.watermark
    }

    fn arrived(&mut self, delivery: &EntryBatch) {
        self.limit = (self.limit * 2).min(self.options.batch);
        let Some(log) = self.log.upgrade() else { return };
        // Before the watermark moves on: the refused entries are those below it.
        if let Some(refusals) = self.refusals.take() {
            self.events.push(self.refusal(&log, refusals));
        }
        self.answered(&log);
        (self.watermark, self.owes) = (delivery.seqs.end, true);
        if let Err(error) = self.store(&log) {
            tracing::warn!(sink = &*self.name, "{}; the sink waits for it", error.reason());
        }
    }

    fn refused(&mut self, delivery: &EntryBatch, reason: &str) -> u64 {
        let Some(log) = self.log.upgrade() else { return 0 };
        self.answered(&log);
        let [entry] = delivery.entries.as_slice() else {
            self.limit = (delivery.entries.len() / 2).max(1);
            return 0;
        };
        self.limit = 1;
        self.watermark = entry.seq + 1;
        tracing::warn!(sink = &*self.name, seq = entry.seq, reason, "the destination refused an entry for good");
        // A destination that refuses these too would get one more for each, without an end.
        if is_about_refusals(entry) {
            self.owes = true;
            return 1;
        }
        match &mut self.refusals {
            Some(refusals) => (refusals.last, refusals.entries) = (entry.seq, refusals.entries + 1),
            None => {
                let (first, reason) = (entry.clone(), reason.to_owned());
                self.refusals = Some(Refusals { last: first.seq, first, entries: 1, reason });
            }
        }
        self.owes |= self.refusals.as_ref().is_some_and(|refusals| refusals.entries >= REPORTED);
        1
    }

    fn arrived_partly(&mut self, delivery: &EntryBatch, rejected: u64, reason: &str) {
        let (log, entries) = (self.log.upgrade(), &delivery.entries);
        // As with a single one: the report would be rejected too, and reported, without an end.
        let is_worth_it = !entries.iter().all(is_about_refusals);
        if let (Some(log), [first, ..], true) = (log, entries.as_slice(), is_worth_it) {
            let last = entries.last().map_or(first.seq, |last| last.seq);
            let (first, reason) = (first.clone(), reason.to_owned());
            self.events.push(self.refusal(&log, Refusals { first, last, entries: rejected, reason }));
        }
        tracing::warn!(sink = &*self.name, rejected, reason, "the destination rejected a part of a batch");
        self.arrived(delivery);
    }

    fn failed(&mut self, error: &SinkError) {
        self.failures = self.failures.saturating_add(1);
        let Some(log) = self.log.upgrade() else { return };
        if self.is_failing || self.failures < FAILURES {
            return;
        }
        self.is_failing = true;
        let why = "This sink could not deliver; the log retries.";
        let event = self.event(&log, "sink.failing").fact("reason", error.reason());
        self.events.push(event.failed(OutcomeDetail::Unknown, FAILURE, why));
        if let Err(error) = self.store(&log) {
            tracing::warn!(sink = &*self.name, "{}; retrying", error.reason());
        }
    }
}

/// Whether the log itself recorded the entry about entries that a sink refused.
fn is_about_refusals(entry: &Entry) -> bool {
    (entry.text(Field::Channel), entry.text(Field::Method)) == (Some("system"), Some(REFUSED))
}
