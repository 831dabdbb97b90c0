//! How far a sink is, and whether it fails: what the log stores and records about every sink, whatever it delivers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_core::sink::SinkError;
use mcp_audit_log_index::{CheckpointChange, DestinationState};
use mcp_audit_log_model::event::{Event, OutcomeDetail};

use super::{SinkOptions, count};
use crate::{Inner, OpenError};

/// How often it is stored how far a sink is that got nothing, because no entry was for it.
const SKIPPED: Duration = Duration::from_secs(60);
/// The number of failures in a row that is worth an entry. One alone may be the restart of the other side.
const FAILURES: u32 = 2;

/// The kind of failure in entries about a sink.
pub(super) const FAILURE: &str = "sink";

/// The state of one sink.
pub(super) struct FeedState {
    pub(super) name: Arc<str>,
    /// Everything below it was acknowledged, refused, or is not for the sink.
    pub(super) watermark: u64,
    /// Whether something was acknowledged that is not stored yet.
    pub(super) owes: bool,
    stored: u64,
    stored_at: Instant,
    /// Entries that are stored with the watermark.
    pub(super) events: Vec<Event>,
    /// Whether the log says that the sink fails.
    is_failing: bool,
    /// Failures in a row.
    failures: u32,
}

impl FeedState {
    /// The stored state. Where a sink begins that has none, is stored first, as it holds the cleanup back; together with an
    /// entry of the action `began`, if there is one.
    pub(super) fn new(log: &Inner, options: &SinkOptions, began: Option<&str>) -> Result<Self, OpenError> {
        let files = &log.view.files;
        let (watermark, is_failing) = match files.sink(&options.name)? {
            Some(state) => (state.number, state.failing),
            None => {
                let first = if options.from_now { files.seqs()?.end } else { files.prune_points()?.0 };
                let state = DestinationState::of_sink(&options.name, first, false);
                match began {
                    None => log.recorder.store_watermark(state)?,
                    Some(action) => {
                        let checkpoints = vec![CheckpointChange::Destination(state)];
                        let change = StateChange { checkpoints, ..StateChange::default() };
                        log.recorder.change(change, vec![log.event(action).fact("first", count(first))])?;
                    }
                }
                (first, false)
            }
        };
        Ok(Self {
            name: options.name.as_str().into(),
            watermark,
            owes: false,
            stored: watermark,
            stored_at: Instant::now(),
            events: Vec::new(),
            is_failing,
            failures: 0,
        })
    }

    pub(super) fn event(&self, log: &Inner, action: &str) -> Event {
        log.event(action).fact("sink", &*self.name)
    }

    /// Whether there is something that must be stored before the next delivery.
    pub(super) fn is_unstored(&self) -> bool {
        self.owes || !self.events.is_empty()
    }

    /// Whether it is time to store that entries were passed over.
    pub(super) fn has_skipped(&self) -> bool {
        self.watermark > self.stored && self.stored_at.elapsed() >= SKIPPED
    }

    /// Stores how far the sink is, with the entries about it. What cannot be stored now is stored before the next delivery;
    /// the ids of the entries show then whether it was stored after all.
    pub(super) fn store(&mut self, log: &Inner) -> Result<(), SinkError> {
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

    /// The cleanup has removed entries up to `first` that the sink did not have.
    pub(super) fn gap(&mut self, log: &Inner, first: u64) {
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
    pub(super) fn answered(&mut self, log: &Inner) {
        self.failures = 0;
        if std::mem::take(&mut self.is_failing) {
            self.events.push(self.event(log, "sink.recovered"));
        }
    }

    /// An attempt failed. Returns whether this is worth an entry, which is to be stored.
    pub(super) fn failed(&mut self, log: &Inner, error: &SinkError) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.is_failing || self.failures < FAILURES {
            return false;
        }
        self.is_failing = true;
        let why = "This sink could not deliver; the log retries.";
        let event = self.event(log, "sink.failing").fact("reason", error.reason());
        self.events.push(event.failed(OutcomeDetail::Unknown, FAILURE, why));
        true
    }
}
