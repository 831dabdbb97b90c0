//! Sinks of entries: each follows the log from its watermark on, the `seq` after the last entry that it acknowledged.

mod feed;
#[cfg(feature = "lake")]
mod janitor;
#[cfg(feature = "lake")]
mod segments;
mod state;

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mcp_audit_log_contract::access::{Grant, Right, Viewer};
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_core::retention::SinkHold;
use mcp_audit_log_core::sink::{Backoff, EntryBatch, Sink, SinkControl, SinkStatus, SinkThread};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{CheckpointChange, DestinationState, StoreError};
use mcp_audit_log_model::time::{DAY, Timestamp};

use self::feed::LogFeed;
#[cfg(feature = "lake")]
pub use self::segments::LakeOptions;
#[cfg(feature = "lake")]
use self::segments::SegmentFeed;
use super::{AuditLog, ChangeError, Inner, LogView, OpenError};

/// The time that a closing log waits for a delivery in progress.
const PATIENCE: Duration = Duration::from_secs(5);
/// The days for which the cleanup leaves entries that a sink does not have, unless the operator sets another number.
const HOLD_DAYS: u32 = 7;

/// What a sink of entries gets.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    name: String,
    destination: String,
    viewer: Viewer,
    domain: Domain,
    batch: usize,
    hold_days: u32,
    from_now: bool,
    pauses: Backoff,
}

impl SinkOptions {
    /// A sink that gets everything that `viewer` may read, in batches of [`MAX_LIMIT`], from the log's first entry on.
    /// The policy is asked before each batch what that is. How far the sink is, is stored under `name`.
    pub fn new(name: impl Into<String>, viewer: Viewer) -> Self {
        Self {
            name: name.into(),
            destination: String::new(),
            viewer,
            domain: Domain::TRUE,
            batch: MAX_LIMIT,
            hold_days: HOLD_DAYS,
            from_now: false,
            pauses: Backoff::default(),
        }
    }

    /// What it sends to, for people: a kind and a host, and nothing secret.
    pub fn destination(mut self, destination: impl Into<String>) -> Self {
        self.destination = destination.into();
        self
    }

    /// Only entries that match `domain` as well.
    pub fn domain(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }

    /// Batches of at most so many entries, up to [`MAX_LIMIT`].
    pub fn batch(mut self, entries: usize) -> Self {
        self.batch = entries.clamp(1, MAX_LIMIT);
        self
    }

    /// The cleanup leaves entries that the sink does not have for so many days more, 7 by default. What it removes then
    /// is named by an entry, `sink.gap`.
    pub fn hold_days(mut self, days: u32) -> Self {
        self.hold_days = days;
        self
    }

    /// A sink that never began gets what is recorded from now on, and nothing older.
    pub fn from_now(mut self) -> Self {
        self.from_now = true;
        self
    }

    /// Other pauses after a failure, for tests.
    #[doc(hidden)]
    pub fn pauses(mut self, pauses: Backoff) -> Self {
        self.pauses = pauses;
        self
    }

    /// The sink in an entry: its name, what it sends to, and its user.
    pub(super) fn described(&self) -> String {
        let Viewer { user, groups, .. } = &self.viewer;
        let to = if self.destination.is_empty() { "an embedder" } else { &self.destination };
        format!("{} to {to} as {user} ({})", self.name, groups.join(", "))
    }
}

/// How a sink of entries gets on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SinkProgress {
    /// The sink's name, failures and refusals, and the `seq` after the last entry that it has.
    pub status: SinkStatus,
    /// What it sends to, for people.
    pub destination: String,
    /// How many entries of the log it has not looked at yet, also those that are not for it.
    pub waiting: u64,
    /// When the oldest of them was recorded; `None` if there is none.
    pub oldest: Option<Timestamp>,
}

/// How far a sink of entries was when the log was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSink {
    /// The `seq` after the last entry that it acknowledged.
    pub watermark: u64,
    /// Whether its last deliveries failed.
    pub failing: bool,
    /// How many entries of the log it has not looked at yet.
    pub waiting: u64,
}

/// A sink that was started.
pub(super) struct RunningSink {
    options: SinkOptions,
    thread: Arc<dyn SinkControl>,
    #[cfg(feature = "lake")]
    lake: Option<LakeOptions>,
}

impl LogView {
    /// How far the sink of this name is; `None` if it never began.
    ///
    /// # Errors
    /// The store fails.
    pub fn stored_sink(&self, name: &str) -> Result<Option<StoredSink>, StoreError> {
        let Some(DestinationState { number: watermark, failing, .. }) = self.files.sink(name)? else { return Ok(None) };
        let waiting = self.files.seqs()?.end.saturating_sub(watermark);
        Ok(Some(StoredSink { watermark, failing, waiting }))
    }
}

impl AuditLog {
    /// How the sinks of entries get on, while the log is open. Values that the store cannot read at present are those of
    /// a sink that has everything.
    pub fn sinks(&self) -> Vec<SinkProgress> {
        let next = *self.appended().borrow();
        let progress = |sink: &RunningSink| {
            let status = sink.thread.status();
            let stored = || self.0.view.files.sink(&sink.options.name).ok().flatten().map(|state| state.number);
            let watermark = status.arrived.or_else(stored).unwrap_or(next);
            let oldest = self.0.view.files.entries_in(&Domain::TRUE, watermark..next.max(watermark), 1).ok();
            let oldest = oldest.and_then(|entries| Some(entries.first()?.recorded_at));
            let destination = sink.options.destination.clone();
            SinkProgress { status, destination, waiting: next.saturating_sub(watermark), oldest }
        };
        self.0.sinks().iter().map(progress).collect()
    }

    /// Sets a sink back, so that it gets the entries from `seq` on again. It must not be running in this process. An
    /// entry names the viewer. Blocks.
    ///
    /// # Errors
    /// The viewer may not configure, the sink never began or is not that far, or it could not be recorded.
    pub fn rewind_sink(&self, access: &Grant, name: &str, seq: u64) -> Result<(), ChangeError> {
        const ACTION: &str = "sink.rewound";
        self.allow(access, Right::Configure, ACTION)?;
        if self.0.sinks().iter().any(|sink| sink.options.name == name) {
            return Err(ChangeError::Refused(format!("the sink {name} is running; stop the server first")));
        }
        let before = self.0.view.files.sink(name)?.ok_or(ChangeError::Missing("sink in this log"))?.number;
        let first = self.0.view.files.prune_points()?.0;
        if !(first..=before).contains(&seq) {
            let span = format!("the sink {name} is at seq {before}, and the log begins at seq {first}");
            return Err(ChangeError::Refused(format!("{span}; name a seq between the two")));
        }
        let checkpoints = vec![CheckpointChange::Destination(DestinationState::of_sink(name, seq, false))];
        let event = self.by(ACTION, access).fact("sink", name).fact("from", count(before)).fact("to", count(seq));
        Ok(self.0.recorder.change(StateChange { checkpoints, ..StateChange::default() }, vec![event])?)
    }

    pub(super) fn start_sinks(&self, sinks: Vec<(SinkOptions, Box<dyn Sink<EntryBatch>>)>) -> Result<(), OpenError> {
        for (options, sink) in sinks {
            let feed = LogFeed::new(&self.0, &options, self.origin().into())?;
            let thread = SinkThread::follow(&options.name, sink, feed, options.pauses).map_err(OpenError::Thread)?;
            self.0.sinks().push(RunningSink {
                options,
                thread,
                #[cfg(feature = "lake")]
                lake: None,
            });
        }
        Ok(())
    }

    /// Starts to write segments to a lake.
    #[cfg(feature = "lake")]
    pub(super) fn start_lake(&self, options: LakeOptions) -> Result<(), OpenError> {
        let feed = SegmentFeed::new(&self.0, &options)?;
        let LakeOptions { sink, lake, .. } = options.clone();
        let thread = SinkThread::follow(&sink.name, lake, feed, sink.pauses).map_err(OpenError::Thread)?;
        self.0.sinks().push(RunningSink { options: sink, thread, lake: Some(options) });
        Ok(())
    }
}

impl Inner {
    /// Ends the sinks while the recorder can still store how far they are.
    pub(super) fn end_sinks(&self) {
        let until = Instant::now() + PATIENCE;
        // They stay in the list: a cleanup that runs meanwhile leaves what they still need.
        let threads: Vec<_> = self.sinks().iter().map(|sink| Arc::clone(&sink.thread)).collect();
        threads.iter().for_each(|thread| thread.close());
        threads.iter().for_each(|thread| thread.wait(until));
    }

    /// The entries that the sinks still need. Only what is stored counts: after a restart, a sink continues from there.
    pub(super) fn sink_holds(&self) -> Result<Vec<SinkHold>, StoreError> {
        let options: Vec<_> = self.sinks().iter().map(|sink| sink.options.clone()).collect();
        let hold = |SinkOptions { name, hold_days, .. }: SinkOptions| {
            let watermark = self.view.files.sink(&name)?.map_or(u64::MAX, |state| state.number);
            Ok(SinkHold { name, watermark, longest: i64::from(hold_days).saturating_mul(DAY) })
        };
        options.into_iter().map(hold).collect()
    }

    fn sinks(&self) -> MutexGuard<'_, Vec<RunningSink>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
