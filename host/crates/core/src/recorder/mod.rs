//! The one write path: a bounded queue, a thread that judges events and builds entries, and a thread that stores all
//! waiting entries in one transaction.

mod active;
mod build_entry;
mod facts;
mod gauges;
mod judge_thread;
mod probation;
mod queue;
mod write_thread;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use self::active::{ActivePolicy, SharedPolicy, judgement_record, says_what_judges};
use self::judge_thread::Judge;
use self::probation::Probation;
pub use self::probation::{PROBATION_EVENTS, UnfinishedProbation};
use self::queue::{Queue, Work};
use self::write_thread::{Handover, JudgedBatch};
use mcp_audit_log_index::{DestinationState, Pruned, Removal, StoreError, StoreReader, Stored, Writer};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::price::Prices;
use mcp_audit_log_model::time::Clock;

/// The least number of bytes that an event counts while it waits: about its memory.
const EVENT_BYTES: usize = 1_536;

pub use gauges::Histogram;
pub(crate) use gauges::Running;
pub use gauges::Unready;
pub use gauges::{Cleanup, Gauges};
pub use mcp_audit_log_index::StateChange;
pub use queue::Budget;
pub use queue::BudgetShare;
pub use queue::{QueueLimits, Reservation};

/// The time that a change of a setting waits for the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// Accepts events.
///
/// Dropping it stops the threads after everything queued is stored.
pub struct Recorder {
    queue: Arc<Queue>,
    active: SharedPolicy,
    /// The judge thread; it ends after the write thread.
    thread: Mutex<Option<JudgeThread>>,
}

/// The judge thread, which returns the writer at its end.
type JudgeThread = JoinHandle<Option<Box<dyn Writer>>>;

/// A caller that waits until a change is stored.
type Changed = mpsc::SyncSender<Result<(), RecordError>>;

/// The parts that the recorder's threads use.
pub struct RecorderParts {
    /// The policy that judges events and the settings, which a change replaces.
    pub active: SharedPolicy,
    /// The probation of the active policy, if it is not over.
    pub probation: Option<UnfinishedProbation>,
    /// The same log as the writer's, for the numbers of its entries.
    pub files: StoreReader,
    /// The writer that stores entries.
    pub writer: Box<dyn Writer>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The prices of models.
    pub prices: Prices,
}

/// Why an event was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The queue is full; the event is counted, and a gap entry will report it.
    #[error("the audit log cannot keep up: its queue is full")]
    Full,
    /// The log is closed.
    #[error("the audit log is closed")]
    Closed,
    /// The store fails at present.
    #[error("the log is not writable; the change may or may not have been saved. Check before retrying")]
    Unavailable,
    /// The store refused this event.
    #[error("the audit log rejected the event: {0}")]
    Refused(String),
}

impl Recorder {
    /// Enqueues an event and returns at once. It is stored with the next commit. If there is no room, it is dropped and
    /// counted, and a gap entry will report the loss. If there is room for the event but not for its bodies, it is
    /// enqueued without them and marked so.
    ///
    /// # Errors
    /// The queue is full, or the log is closed.
    pub fn record(&self, event: Event) -> Result<(), RecordError> {
        self.queue.offer_event(Box::new(event), None).inspect_err(|error| self.count(error))
    }

    /// Enqueues a closure that creates events on the recorder's thread, so that capture pays nothing for parsing.
    /// `bytes` is the memory that it holds. If there is no room, it counts as one lost event; a caller that knows the
    /// number uses [`Recorder::offer_later`] and [`Recorder::dropped`].
    ///
    /// # Errors
    /// The queue is full, or the log is closed.
    pub fn record_later(
        &self,
        bytes: usize,
        events: impl FnOnce() -> Vec<Event> + Send + 'static,
    ) -> Result<(), RecordError> {
        self.offer_later(bytes, events).inspect_err(|error| self.count(error))
    }

    /// The same, but rejected events are not counted.
    ///
    /// # Errors
    /// The queue is full, or the log is closed.
    pub fn offer_later(
        &self,
        bytes: usize,
        events: impl FnOnce() -> Vec<Event> + Send + 'static,
    ) -> Result<(), RecordError> {
        self.queue.offer(Work::Later(Box::new(events)), bytes)
    }

    /// Reserves a slot in the queue for a call that begins now, so that its end is recorded however full the queue is
    /// then. `None` when too many calls are in progress, or the log is closed.
    pub fn reserve(&self) -> Option<Reservation> {
        Reservation::new(&self.queue)
    }

    /// Counts this many events, mostly calls, as lost; a gap entry will report them.
    pub fn dropped(&self, events: u64) {
        self.queue.gauges.dropped(events);
    }

    /// Enqueues a change and waits until it is stored.
    fn ask(&self, work: impl FnOnce(Changed) -> Work) -> Result<(), RecordError> {
        if self.queue.is_closed() {
            return Err(RecordError::Closed);
        }
        if matches!(self.ready(), Err(Unready::Stopped | Unready::Failing)) {
            return Err(RecordError::Unavailable);
        }
        // Not a channel of the asynchronous runtime: a log may be closed, by its drop, where that must not block.
        let (receipt, done) = mpsc::sync_channel(1);
        self.queue.push(work(receipt))?;
        done.recv_timeout(PATIENCE).unwrap_or_else(|error| match error {
            mpsc::RecvTimeoutError::Timeout => Err(RecordError::Unavailable),
            mpsc::RecvTimeoutError::Disconnected => Err(RecordError::Closed),
        })
    }

    fn count(&self, error: &RecordError) {
        if *error == RecordError::Full {
            self.dropped(1);
        }
    }

    /// Enqueues an event and returns when it is durable. If there is no room for its bodies, they are left out.
    ///
    /// # Errors
    /// It was not recorded.
    pub async fn record_durably(&self, event: Event) -> Result<Stored, RecordError> {
        let (receipt, stored) = oneshot::channel();
        self.queue.offer_event(Box::new(event), Some(receipt)).inspect_err(|error| self.count(error))?;
        stored.await.unwrap_or(Err(RecordError::Closed))
    }

    /// Enqueues all events or none, and returns when the result of each is known and durable. `bytes` is the memory
    /// that they hold. Dropping the future takes nothing back.
    ///
    /// # Errors
    /// None was taken: there is no room for all of them, the log is closed, or the store fails at present. They do not
    /// count as lost, because the caller still has them.
    pub async fn record_all(
        &self,
        events: Vec<Event>,
        bytes: usize,
    ) -> Result<Vec<Result<Stored, RecordError>>, RecordError> {
        match self.ready() {
            Err(Unready::Stopped) => return Err(RecordError::Closed),
            Err(Unready::Failing) => return Err(RecordError::Unavailable),
            Ok(()) | Err(_) => {}
        }
        let told = events.into_iter().map(|event| {
            let (receipt, stored) = oneshot::channel();
            ((event, receipt), stored)
        });
        let (events, waiting): (Vec<_>, Vec<_>) = told.unzip();
        // However small they were as JSON.
        let bytes = bytes.max(events.len() * EVENT_BYTES);
        self.queue.offer(Work::Events(events), bytes)?;
        let mut results = Vec::with_capacity(waiting.len());
        for stored in waiting {
            results.push(stored.await.unwrap_or(Err(RecordError::Closed)));
        }
        Ok(results)
    }

    /// How the recorder is doing.
    pub fn gauges(&self) -> &Gauges {
        &self.queue.gauges
    }

    /// Checks that entries reach the disk at present and that the policy judges events.
    ///
    /// # Errors
    /// The reason. A failing store is noticed at the first entry that it cannot store.
    pub fn ready(&self) -> Result<(), Unready> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let running = thread.as_ref().is_some_and(|thread| !thread.is_finished());
        Unready::of(running, self.gauges(), self.active.now().policy.health())
    }
}

/// Starts and ends a [`Recorder`], and writes without its event queue. For the log only: the façade does not re-export
/// it, so an embedder can only record.
pub trait RecorderControl: Sized {
    /// Starts the threads.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    fn start(parts: RecorderParts, limits: QueueLimits) -> std::io::Result<Self>;

    /// Changes a state together with the entries about it; blocks until all of it is durable.
    ///
    /// # Errors
    /// The change was not stored, or may not have been: see [`RecordError`].
    fn change(&self, change: StateChange, events: Vec<Event>) -> Result<(), RecordError>;

    /// Stores how far a sink is, together with whatever is stored next, so that it costs recording no commit; blocks
    /// until that is durable.
    ///
    /// # Errors
    /// It was not stored, or may not have been: see [`RecordError`].
    fn store_watermark(&self, state: DestinationState) -> Result<(), RecordError>;

    /// Puts the policy `next` in place of `before`, in one transaction with the entry about it; blocks until that is
    /// durable. The policy before judges the entry and all events that were enqueued earlier. It comes back, with an
    /// entry, if the other one fails on the first events.
    ///
    /// # Errors
    /// The policy was not swapped, or may not have been: see [`RecordError`].
    fn swap(&self, before: &Arc<ActivePolicy>, next: ActivePolicy, event: Event) -> Result<(), RecordError>;

    /// Runs one step of the cleanup; blocks until it is done.
    ///
    /// # Errors
    /// The store failed, or the log is closed.
    fn prune(&self, removal: Removal) -> Result<Pruned, PruneError>;

    /// Accepts no event after `last`, which becomes the last entry, and returns when everything is stored. The first
    /// call returns the writer, for the states besides the entries.
    fn close(&self, last: Option<Event>) -> Option<Box<dyn Writer>>;
}

impl RecorderControl for Recorder {
    fn start(parts: RecorderParts, limits: QueueLimits) -> std::io::Result<Self> {
        let (queue, receiver) = Queue::new(limits);
        let RecorderParts { active, probation, files, writer, clock, prices } = parts;
        let handover = Handover::start(writer, active.clone(), Arc::clone(&queue))?;
        let sealed = JudgedBatch::default();
        let judge = Judge {
            active: active.clone(),
            files,
            clock,
            prices,
            queue: Arc::clone(&queue),
            receiver,
            handover,
            sealed,
            is_over: false,
            probation: probation.map(Probation::resumed),
        };
        let thread = std::thread::Builder::new().name("audit-judge".into()).spawn(move || judge.run())?;
        Ok(Self { queue, active, thread: Mutex::new(Some(thread)) })
    }

    fn change(&self, change: StateChange, events: Vec<Event>) -> Result<(), RecordError> {
        self.ask(|receipt| Work::Change(Box::new(change), events, receipt))
    }

    fn store_watermark(&self, state: DestinationState) -> Result<(), RecordError> {
        self.ask(|receipt| Work::Watermark(state, receipt))
    }

    fn swap(&self, before: &Arc<ActivePolicy>, next: ActivePolicy, event: Event) -> Result<(), RecordError> {
        let policies = [Arc::clone(before), Arc::new(next)];
        self.ask(|receipt| Work::Swap(policies, Box::new(event), receipt))
    }

    fn prune(&self, removal: Removal) -> Result<Pruned, PruneError> {
        let (receipt, done) = mpsc::sync_channel(1);
        self.queue.push(Work::Prune(removal, receipt)).map_err(|_| PruneError::Closed)?;
        done.recv().unwrap_or(Err(PruneError::Closed))
    }

    fn close(&self, last: Option<Event>) -> Option<Box<dyn Writer>> {
        self.queue.close(last.map(|event| Work::Last(Box::new(event))));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = thread?.join();
        ended.inspect_err(|_| tracing::error!("the recorder's thread panicked")).ok().flatten()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.close(None));
    }
}

/// Why a step of the cleanup failed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The log is closed.
    #[error("the audit log is closed")]
    Closed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests;
