//! The second recorder thread, the only one that holds the writer. It stores batches in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::active::{ActivePolicy, SharedPolicy};
use super::judge_thread::{Ended, reported_losses};
use super::queue::Queue;
use super::{Changed, PruneError, RecordError};
use mcp_audit_log_index::{Batch, Pruned, Removal, StoreError, Stored, Writer};

/// How often a failing store is retried while the log closes, before the batch is dropped.
const CLOSING_TRIES: u32 = 5;
/// Batches that wait while another is being stored: one, so that the store never waits for a judgement.
const AHEAD: usize = 1;

pub(super) type Receipt = oneshot::Sender<Result<Stored, RecordError>>;

/// The content of one commit, and the callers that wait for it.
#[derive(Default)]
pub(super) struct JudgedBatch {
    pub(super) batch: Batch,
    /// The callers that wait, with the index of their entry.
    pub(super) receipts: Vec<(usize, Receipt)>,
    pub(super) changed: Vec<Changed>,
    /// The sinks whose watermarks go along.
    pub(super) watermarks: Vec<Changed>,
    /// What judges once the batch is stored.
    pub(super) next: Option<Arc<ActivePolicy>>,
    /// The memory that the bodies held when they arrived.
    pub(super) bytes: usize,
}

impl JudgedBatch {
    pub(super) fn len(&self) -> usize {
        self.batch.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.changed.is_empty() && self.watermarks.is_empty()
    }
}

/// One piece of work for the writing thread.
enum Step {
    Commit(Box<JudgedBatch>),
    Prune(Removal, SyncSender<Result<Pruned, PruneError>>),
    /// A request to answer when everything before it is done.
    Done(SyncSender<()>),
}

/// A handle on the writing thread. When it is dropped, the thread finishes its work and ends.
pub(super) struct Handover {
    /// `None` while it is being dropped.
    steps: Option<SyncSender<Step>>,
    thread: Option<JoinHandle<Box<dyn Writer>>>,
}

impl Handover {
    /// Starts the thread.
    pub(super) fn start(writer: Box<dyn Writer>, active: SharedPolicy, queue: Arc<Queue>) -> std::io::Result<Self> {
        let (steps, receiver) = sync_channel(AHEAD);
        let committer = Committer { writer, active, queue };
        let thread = std::thread::Builder::new().name("audit-store".into());
        let thread = thread.spawn(move || committer.run(&receiver))?;
        Ok(Self { steps: Some(steps), thread: Some(thread) })
    }

    /// Passes a batch on if there is room for it, otherwise returns it.
    pub(super) fn offer(&self, sealed: JudgedBatch) -> Result<JudgedBatch, Ended> {
        let steps = self.steps.as_ref().ok_or(Ended)?;
        match steps.try_send(Step::Commit(Box::new(sealed))) {
            Ok(()) => Ok(JudgedBatch::default()),
            Err(TrySendError::Full(Step::Commit(sealed))) => Ok(*sealed),
            Err(_) => Err(Ended),
        }
    }

    /// Passes a batch on, and waits for room.
    pub(super) fn give(&self, sealed: JudgedBatch) -> Result<(), Ended> {
        self.step(Step::Commit(Box::new(sealed)))
    }

    /// Runs a step of the cleanup after all earlier batches.
    pub(super) fn prune(&self, removal: Removal, done: SyncSender<Result<Pruned, PruneError>>) -> Result<(), Ended> {
        self.step(Step::Prune(removal, done))
    }

    /// Returns when all earlier batches are done.
    pub(super) fn wait(&self) -> Result<(), Ended> {
        let (done, waiting) = sync_channel(1);
        self.step(Step::Done(done))?;
        waiting.recv().map_err(|_| Ended)
    }

    fn step(&self, step: Step) -> Result<(), Ended> {
        self.steps.as_ref().ok_or(Ended)?.send(step).map_err(|_| Ended)
    }
}

impl Handover {
    /// Ends the thread after its work is done, and returns the writer; `None` after a panic or a second call.
    pub(super) fn end(&mut self) -> Option<Box<dyn Writer>> {
        drop(self.steps.take());
        let ended = self.thread.take()?.join();
        ended.inspect_err(|_| tracing::error!("the thread that stores entries panicked")).ok()
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// The thread's state.
struct Committer {
    writer: Box<dyn Writer>,
    active: SharedPolicy,
    queue: Arc<Queue>,
}

impl Committer {
    fn run(mut self, steps: &Receiver<Step>) -> Box<dyn Writer> {
        for step in steps {
            // A caller may have stopped waiting; then no answer is needed.
            match step {
                Step::Commit(sealed) => self.store(*sealed),
                Step::Prune(removal, done) => {
                    drop(done.send(self.writer.prune(removal).map_err(Into::into)));
                }
                Step::Done(done) => drop(done.send(())),
            }
        }
        self.writer
    }

    fn store(&mut self, sealed: JudgedBatch) {
        let JudgedBatch { batch, receipts, changed, watermarks, next, .. } = sealed;
        // A change is stored as a whole or not at all, together with the entries about it.
        let results = self.commit(&batch, changed.is_empty());
        let failed = results.iter().find_map(|result| result.as_ref().err().cloned());
        for (at, receipt) in receipts {
            let _ = receipt.send(results.get(at).cloned().unwrap_or(Err(RecordError::Closed)));
        }
        if failed.is_none() {
            next.into_iter().for_each(|next| self.active.set(next));
        }
        for done in changed.into_iter().chain(watermarks) {
            let _ = done.send(failed.clone().map_or(Ok(()), Err));
        }
    }

    /// Stores a batch and returns the result for each entry. A failing store is retried until it works: queued events
    /// are not dropped, and the queue is bounded. A rejected batch is halved until the faulty entry is alone.
    fn commit(&mut self, batch: &Batch, may_part: bool) -> Vec<Result<Stored, RecordError>> {
        let mut tries = 0;
        loop {
            let began = Instant::now();
            let error = match self.writer.commit(batch) {
                Ok(stored) => {
                    self.queue.gauges.committed(&stored, began.elapsed());
                    return stored.into_iter().map(Ok).collect();
                }
                Err(error) => error,
            };
            if error.is_refusal() {
                return self.halve(batch, may_part, &error);
            }
            tries += 1;
            self.queue.gauges.failed(tries);
            tracing::error!(%error, tries, entries = batch.entries.len(), "entries could not be stored; retrying");
            if self.queue.is_closed() && tries >= CLOSING_TRIES {
                tracing::error!(
                    entries = batch.entries.len(),
                    "entries are lost: the log was closed while its store failed"
                );
                return self.give_up(batch, &error);
            }
            std::thread::sleep(Duration::from_millis(50 << tries.min(6)));
        }
    }

    fn halve(&mut self, batch: &Batch, may_part: bool, error: &StoreError) -> Vec<Result<Stored, RecordError>> {
        if batch.entries.len() <= 1 || !may_part {
            tracing::error!(%error, "the store rejected an entry");
            return self.give_up(batch, error);
        }
        let (left, right) = batch.entries.split_at(batch.entries.len() / 2);
        // Watermarks are the only states of a batch that may be parted.
        let left = Batch { entries: left.to_vec(), states: batch.states.clone() };
        let mut results = self.commit(&left, true);
        results.extend(self.commit(&Batch { entries: right.to_vec(), ..Batch::default() }, true));
        results
    }

    /// Counts events that will not be stored, and answers every waiting caller. There is at least one answer, because a
    /// change may have no entry. Losses that a gap entry reported become pending again.
    fn give_up(&self, batch: &Batch, error: &StoreError) -> Vec<Result<Stored, RecordError>> {
        for prepared in &batch.entries {
            match reported_losses(prepared.entry()) {
                Some(events) => self.queue.gauges.lost_again(events),
                None => self.queue.gauges.lost(1),
            }
        }
        vec![Err(RecordError::Refused(error.to_string())); batch.entries.len().max(1)]
    }
}
