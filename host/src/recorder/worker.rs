//! The recorder's thread: takes whatever queued up while the last commit ran, judges it, stores it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::queue::{Queue, Work};
use super::{Parts, RecordError, StateChange, seal};
use crate::event::{Channel, Detail, Event, Kind};
use crate::store::{Batch, StoreError, Stored};

/// Most items of one commit.
const BATCH_ITEMS: usize = 4_096;
/// Bytes of bodies after which a commit is full.
const BATCH_BYTES: usize = 8 << 20;
/// How often a store that fails is tried again before the batch is given up, while the log is being closed.
const CLOSING_TRIES: u32 = 5;
/// How soon a gap is told when nothing else happens.
const GAP_WAIT: Duration = Duration::from_secs(1);

type Receipt = oneshot::Sender<Result<Stored, RecordError>>;

/// The thread's state.
pub(super) struct Worker {
    parts: Parts,
    queue: Arc<Queue>,
    receiver: Receiver<(Work, usize)>,
}

/// What one commit is made of.
#[derive(Default)]
struct Pending {
    events: Vec<(Event, Option<Receipt>)>,
    changes: StateChange,
    changed: Vec<SyncSender<Result<(), RecordError>>>,
    bytes: usize,
}

impl Worker {
    pub(super) fn new(parts: Parts, queue: Arc<Queue>, receiver: Receiver<(Work, usize)>) -> Self {
        Self { parts, queue, receiver }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            match self.receiver.recv_timeout(GAP_WAIT) {
                Ok(first) => self.turn(first),
                Err(RecvTimeoutError::Timeout) => self.store(Pending::default()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.store(Pending::default());
    }

    /// One commit of everything that waits, up to the batch's limits; a step of the cleanup ends the batch.
    fn turn(&mut self, first: (Work, usize)) {
        let mut pending = Pending::default();
        let mut prune = None;
        let mut next = Some(first);
        while let Some((work, bytes)) = next {
            self.queue.taken(bytes);
            pending.bytes += bytes;
            match work {
                Work::Event(event, receipt) => pending.events.push((*event, receipt)),
                Work::Later(events) => {
                    pending.events.extend(self.worked_out(events).into_iter().map(|event| (event, None)))
                }
                Work::Change(change, events, done) => pending.change(*change, events, done),
                Work::Prune(plan, done) => prune = Some((plan, done)),
            }
            // A change of settings ends the batch, so that it holds for everything that was handed in after it.
            let full =
                pending.events.len() >= BATCH_ITEMS || pending.bytes >= BATCH_BYTES || !pending.changed.is_empty();
            next = if full || prune.is_some() { None } else { self.receiver.try_recv().ok() };
        }
        self.store(pending);
        if let Some((plan, done)) = prune {
            let _ = done.send(self.parts.writer.prune(plan).map_err(Into::into));
        }
    }

    fn store(&mut self, mut pending: Pending) {
        if let Some(dropped) = self.queue.gauges.take_lost() {
            pending.events.push((self.gap(dropped), None));
        }
        if pending.is_empty() {
            return;
        }
        let settings = Arc::clone(&self.parts.settings.read().unwrap_or_else(PoisonError::into_inner));
        let (events, receipts): (Vec<_>, Vec<_>) = pending.events.into_iter().unzip();
        let began = Instant::now();
        let verdicts = self.parts.policy.judge(&settings, &events);
        let now = self.parts.clock.now();
        let faults = verdicts.iter().filter(|verdict| verdict.is_err()).count();
        self.queue.gauges.judged(events.len(), faults, began.elapsed());
        let judged = events.into_iter().zip(verdicts);
        let entries = judged
            .map(|(event, verdict)| seal::seal(event, verdict, &self.parts.policy, settings.log_payloads(), now))
            .collect();
        let batch = Batch { entries, states: pending.changes };
        let results = self.commit(&batch);
        let failed = results.iter().find_map(|result| result.as_ref().err().cloned());
        for (receipt, result) in receipts.into_iter().zip(results) {
            let _ = receipt.map(|receipt| receipt.send(result));
        }
        if failed.is_none() && !batch.states.settings.is_empty() {
            *self.parts.settings.write().unwrap_or_else(PoisonError::into_inner) =
                Arc::new(settings.with(&batch.states.settings));
        }
        for done in pending.changed {
            let _ = done.send(failed.clone().map_or(Ok(()), Err));
        }
    }

    /// Stores a batch and says what became of each entry. A store that fails is tried again until it works: what was
    /// taken in is not given up, and the queue in front of it is bounded. A batch that is refused is halved until the
    /// entry that is at fault stands alone.
    fn commit(&mut self, batch: &Batch) -> Vec<Result<Stored, RecordError>> {
        let mut tries = 0;
        loop {
            let began = Instant::now();
            let error = match self.parts.writer.commit(batch) {
                Ok(stored) => {
                    self.queue.gauges.committed(&stored, began.elapsed());
                    return stored.into_iter().map(Ok).collect();
                }
                Err(error) => error,
            };
            if error.is_refusal() {
                return self.halve(batch, &error);
            }
            tries += 1;
            self.queue.gauges.failed(tries);
            tracing::error!(%error, tries, entries = batch.entries.len(), "entries could not be stored; trying again");
            if self.queue.is_closed() && tries >= CLOSING_TRIES {
                tracing::error!(
                    entries = batch.entries.len(),
                    "entries are lost: the log was closed while its store failed"
                );
                return lost(batch, &error);
            }
            std::thread::sleep(Duration::from_millis(50 << tries.min(6)));
        }
    }

    fn halve(&mut self, batch: &Batch, error: &StoreError) -> Vec<Result<Stored, RecordError>> {
        if batch.entries.len() <= 1 {
            tracing::error!(%error, "an entry was refused by the store");
            self.queue.gauges.lost(batch.entries.len() as u64);
            return lost(batch, error);
        }
        let (left, right) = batch.entries.split_at(batch.entries.len() / 2);
        let first = Batch { entries: left.to_vec(), states: batch.states.clone() };
        let mut results = self.commit(&first);
        results.extend(self.commit(&Batch { entries: right.to_vec(), ..Batch::default() }));
        results
    }

    /// Works out events from raw material. A panic in there must not end the recorder; what it cost counts as dropped.
    fn worked_out(&self, events: Box<dyn FnOnce() -> Vec<Event> + Send>) -> Vec<Event> {
        catch_unwind(AssertUnwindSafe(events)).unwrap_or_else(|_| {
            tracing::error!("captured traffic could not be read: a bug in its parser");
            self.queue.gauges.lost(1);
            Vec::new()
        })
    }

    fn gap(&self, dropped: u64) -> Event {
        tracing::warn!(dropped, "events were dropped because the queue was full");
        let event = Event::new(self.parts.clock.now(), Channel::System, Kind::System, Detail::Incomplete);
        Event { method: Some("log.gap".to_owned()), ..event }
            .fact("dropped", i64::try_from(dropped).unwrap_or(i64::MAX))
    }
}

/// The answer to everybody whose entry was in `batch`, and at least one: a change may come without an entry.
fn lost(batch: &Batch, error: &StoreError) -> Vec<Result<Stored, RecordError>> {
    vec![Err(RecordError::Refused(error.to_string())); batch.entries.len().max(1)]
}

impl Pending {
    fn change(&mut self, change: StateChange, events: Vec<Event>, done: SyncSender<Result<(), RecordError>>) {
        self.events.extend(events.into_iter().map(|event| (event, None)));
        self.changes.extend(change);
        self.changed.push(done);
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.changed.is_empty()
    }
}
