//! Sinks of entries: each follows the log from its watermark on, the `seq` after the last entry that it acknowledged.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_core::sink::{Backoff, EntryBatch, Feed, Sink, SinkError, SinkStatus, SinkThread};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{CheckpointChange, DestinationState, StoreError};

use super::follow_cursor::FollowCursor;
use super::{AuditLog, Inner, OpenError};

/// The time that a closing log waits for a delivery in progress.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a sink of entries gets.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    name: String,
    viewer: Viewer,
    domain: Domain,
    batch: usize,
}

impl SinkOptions {
    /// A sink that gets everything that `viewer` may read, in batches of [`MAX_LIMIT`]. The policy is asked before each
    /// batch what that is. How far the sink is, is stored under `name`.
    pub fn new(name: impl Into<String>, viewer: Viewer) -> Self {
        Self { name: name.into(), viewer, domain: Domain::TRUE, batch: MAX_LIMIT }
    }

    /// Only entries that match `domain` as well.
    pub fn domain(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }

    /// Batches of at most so many entries, up to [`MAX_LIMIT`].
    pub fn batch(mut self, entries: usize) -> Self {
        self.batch = entries;
        self
    }
}

impl AuditLog {
    /// How the sinks of entries get on, while the log is open. What one lacks is from the `seq` that has arrived up to
    /// [`AuditLog::appended`].
    pub fn sinks(&self) -> Vec<SinkStatus> {
        self.0.sinks().iter().map(|sink| sink.status()).collect()
    }

    pub(super) fn start_sinks(&self, sinks: Vec<(SinkOptions, Box<dyn Sink<EntryBatch>>)>) -> Result<(), OpenError> {
        for (options, sink) in sinks {
            let feed = LogFeed::new(&self.0, &options)?;
            let thread =
                SinkThread::follow(&options.name, sink, feed, Backoff::default()).map_err(OpenError::Thread)?;
            self.0.sinks().push(thread);
        }
        Ok(())
    }
}

impl Inner {
    /// Ends the sinks while the recorder can still store how far they are.
    pub(super) fn end_sinks(&self) {
        let until = Instant::now() + PATIENCE;
        let sinks = std::mem::take(&mut *self.sinks());
        sinks.iter().for_each(|sink| sink.close());
        sinks.iter().for_each(|sink| sink.wait(until));
    }

    fn sinks(&self) -> MutexGuard<'_, Vec<Arc<SinkThread<EntryBatch>>>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries for one sink. It does not keep the log open.
struct LogFeed {
    log: Weak<Inner>,
    options: SinkOptions,
    watermark: u64,
}

impl LogFeed {
    fn new(log: &Arc<Inner>, options: &SinkOptions) -> Result<Self, StoreError> {
        let watermark = log.view.files.watermark(&options.name)?;
        Ok(Self { log: Arc::downgrade(log), options: options.clone(), watermark })
    }
}

impl Feed<EntryBatch> for LogFeed {
    fn next(&mut self) -> Result<Option<EntryBatch>, SinkError> {
        let Some(log) = self.log.upgrade() else { return Ok(None) };
        let next = *log.recorder.gauges().next().borrow();
        if next <= self.watermark {
            return Ok(None);
        }
        let access = log.view.access(&self.options.viewer);
        let failed = |error: &dyn std::fmt::Display| SinkError::Failed(error.to_string());
        let mut cursor = FollowCursor::new(self.options.domain.clone(), self.watermark.checked_sub(1));
        let entries = cursor.step(&log.view.reader(&access), next, self.options.batch);
        let entries = entries.map_err(|error| failed(&error))?;
        let seqs = self.watermark..cursor.passed();
        // After the entries, so that none can go unnoticed between the two.
        let removed_below = log.view.files.prune_points().map_err(|error| failed(&error))?.0;
        let removed_below = removed_below.clamp(seqs.start, seqs.end);
        if entries.is_empty() && removed_below == seqs.start {
            // No entry is for this sink. After a restart, these entries are read again.
            self.watermark = seqs.end;
            return Ok(None);
        }
        Ok(Some(EntryBatch::new(seqs, removed_below, entries)))
    }

    fn watermark(&self) -> u64 {
        self.watermark
    }

    fn arrived(&mut self, delivery: &EntryBatch) {
        self.watermark = delivery.seqs.end;
        let Some(log) = self.log.upgrade() else { return };
        let checkpoints =
            vec![CheckpointChange::Destination(DestinationState::of_sink(&self.options.name, self.watermark))];
        let stored = log.recorder.change(StateChange { checkpoints, ..StateChange::default() }, Vec::new());
        if let Err(error) = stored {
            let sink = &self.options.name;
            tracing::warn!(%error, sink, "how far a sink is was not stored; after a restart it gets the last batch again");
        }
    }
}

#[cfg(test)]
mod tests;
