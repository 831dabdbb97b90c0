//! The bounded queue in front of the recorder, and the count of what did not fit.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};

use super::committing::Receipt;
use super::gauges::Gauges;
use super::{Changed, PruneError, RecordError, StateChange};
use crate::event::Event;
use crate::policy::Plan;
use crate::store::Pruned;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Items.
    pub items: usize,
    /// Bytes of bodies that wait with them.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { items: 16_384, bytes: 64 << 20 }
    }
}

/// One thing to do for the recorder.
pub(super) enum Work {
    Event(Box<Event>, Option<Receipt>),
    /// Events that go in together or not at all.
    Events(Vec<(Event, Receipt)>),
    Later(Box<dyn FnOnce() -> Vec<Event> + Send>),
    Change(Box<StateChange>, Vec<Event>, Changed),
    Prune(Plan, Option<u64>, SyncSender<Result<Pruned, PruneError>>),
    /// The last event, which says how many there were.
    Last(Box<Event>),
}

impl Work {
    /// Whether somebody waits for it to be done.
    pub(super) fn is_awaited(&self) -> bool {
        !matches!(self, Self::Event(_, None) | Self::Later(_))
    }
}

/// The sending side.
pub(super) struct Queue {
    /// `None` once it is closed.
    sender: RwLock<Option<SyncSender<(Work, usize)>>>,
    pub(super) gauges: Gauges,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> (Arc<Self>, Receiver<(Work, usize)>) {
        let (sender, receiver) = sync_channel(limits.items);
        (Arc::new(Self { sender: RwLock::new(Some(sender)), gauges: Gauges::new(limits) }), receiver)
    }

    /// Puts `work` in if there is room, and counts it as dropped if there is none.
    pub(super) fn push(&self, work: Work, bytes: usize) -> Result<(), RecordError> {
        self.offer(work, bytes).inspect_err(|error| {
            if *error == RecordError::Full {
                self.gauges.dropped(1);
            }
        })
    }

    /// Puts `work` in if there is room. What does not fit is no loss: whoever offers it is told and has it still.
    pub(super) fn offer(&self, work: Work, bytes: usize) -> Result<(), RecordError> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else { return Err(RecordError::Closed) };
        if self.gauges.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > self.gauges.limits.bytes {
            self.gauges.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(RecordError::Full);
        }
        // Counted before it is sent: the other side may be done with it before this returns.
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        sender.try_send((work, bytes)).map_err(|error| {
            self.taken(bytes);
            match error {
                TrySendError::Full(_) => RecordError::Full,
                TrySendError::Disconnected(_) => RecordError::Closed,
            }
        })
    }

    /// Puts `work` in, waiting for room: for what the log itself does, which is never dropped.
    pub(super) fn push_waiting(&self, work: Work) -> Result<(), RecordError> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(RecordError::Closed)?;
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        sender.send((work, 0)).map_err(|_| {
            self.taken(0);
            RecordError::Closed
        })
    }

    /// To be called for everything received.
    pub(super) fn taken(&self, bytes: usize) {
        self.gauges.waiting.fetch_sub(1, Ordering::Relaxed);
        self.gauges.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether nothing more comes in.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Lets nothing more in after `last`; the receiver ends once it is empty. Only the first call does anything.
    pub(super) fn close(&self, last: Option<Work>) {
        let Some(sender) = self.sender.write().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let Some(last) = last else { return };
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        if sender.send((last, 0)).is_err() {
            self.taken(0);
        }
    }
}
