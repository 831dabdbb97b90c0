//! The bounded queue in front of the recorder: its byte budget, its reserved slots, and the count of rejected events.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::sync::{Arc, PoisonError, RwLock};

use mcp_audit_log_index::{DestinationState, Pruned, Removal};
use mcp_audit_log_model::event::Event;

use super::active::ActivePolicy;
use super::gauges::Gauges;
use super::write_thread::Receipt;
use super::{Changed, PruneError, RecordError, StateChange};

/// The limits of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Items. The same number of slots can be reserved for calls in progress.
    pub items: usize,
    /// Bytes of the bodies that wait. Capture may hold the same number of bytes of traffic.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { items: 16_384, bytes: 64 << 20 }
    }
}

/// One piece of work for the recorder.
pub(super) enum Work {
    Event(Box<Event>, Option<Receipt>),
    /// Events that are accepted together or not at all.
    Events(Vec<(Event, Receipt)>),
    Later(Box<dyn FnOnce() -> Vec<Event> + Send>),
    Change(Box<StateChange>, Vec<Event>, Changed),
    /// How far a sink is. It goes along with the next commit.
    Watermark(DestinationState, Changed),
    /// Another policy in place of the first one, and the entry about it.
    Swap([Arc<ActivePolicy>; 2], Box<Event>, Changed),
    Prune(Removal, SyncSender<Result<Pruned, PruneError>>),
    /// The last event, which reports the number of all events.
    Last(Box<Event>),
}

impl Work {
    /// Whether a caller waits for it. A watermark can wait for company: no one's call depends on it.
    pub(super) fn is_awaited(&self) -> bool {
        !matches!(self, Self::Event(_, None) | Self::Later(_) | Self::Watermark(..))
    }
}

/// The sending side. The channel itself is unbounded; the limit is counted here, because a reserved slot is never
/// refused.
pub(super) struct Queue {
    /// `None` once it is closed.
    pub(super) sender: RwLock<Option<Sender<(Work, usize)>>>,
    pub(super) gauges: Gauges,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> (Arc<Self>, Receiver<(Work, usize)>) {
        let (sender, receiver) = channel();
        (Arc::new(Self { sender: RwLock::new(Some(sender)), gauges: Gauges::new(limits) }), receiver)
    }

    /// Enqueues `work` if there is room. A rejection is not counted: the caller keeps the work or counts it.
    pub(super) fn offer(&self, work: Work, bytes: usize) -> Result<(), RecordError> {
        let here = self.weigh(bytes).ok_or(RecordError::Full).and_then(|()| self.place(work, bytes));
        // Closed is closed, however full it was.
        here.map_err(|error| if self.is_closed() { RecordError::Closed } else { error })
    }

    /// Enqueues an event if there is room for it, without its bodies if there is no room for them.
    pub(super) fn offer_event(&self, mut event: Box<Event>, receipt: Option<Receipt>) -> Result<(), RecordError> {
        let mut bytes = event.payload.as_ref().map_or(0, mcp_audit_log_model::event::Payload::len);
        if self.weigh(bytes).is_none() {
            bytes = 0;
            event.payload.iter_mut().for_each(mcp_audit_log_model::event::Payload::leave_out);
        }
        self.place(Work::Event(event, receipt), bytes)
    }

    /// Reserves `bytes` of the budget, if there is room.
    fn weigh(&self, bytes: usize) -> Option<()> {
        let gauges = &self.gauges;
        if gauges.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > gauges.limits.bytes {
            gauges.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        Some(())
    }

    /// Enqueues work whose size is already counted, if there is a free slot.
    fn place(&self, work: Work, bytes: usize) -> Result<(), RecordError> {
        // Count before sending: the receiver may be done with it before this returns.
        if self.gauges.waiting.fetch_add(1, Ordering::Relaxed) >= self.gauges.limits.items {
            self.taken(bytes);
            return Err(if self.is_closed() { RecordError::Closed } else { RecordError::Full });
        }
        self.send(work, bytes)
    }

    /// Enqueues work that is never dropped: the log's own operations, one of each kind at a time, and work with a
    /// reserved slot.
    pub(super) fn push(&self, work: Work) -> Result<(), RecordError> {
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        self.send(work, 0)
    }

    fn send(&self, work: Work, bytes: usize) -> Result<(), RecordError> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().and_then(|sender| sender.send((work, bytes)).ok()).ok_or_else(|| {
            self.taken(bytes);
            RecordError::Closed
        })
    }

    /// Must be called for every received item.
    pub(super) fn taken(&self, bytes: usize) {
        self.gauges.waiting.fetch_sub(1, Ordering::Relaxed);
        self.gauges.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether the queue is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Closes the queue after `last`; the receiver ends once it is empty. Only the first call has an effect.
    pub(super) fn close(&self, last: Option<Work>) {
        let Some(sender) = self.sender.write().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let Some(last) = last else { return };
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        if sender.send((last, 0)).is_err() {
            self.taken(0);
        }
    }
}

/// A slot in the queue for a call in progress: its event always has room. There are as many reserved slots as items,
/// counted separately, so that open streams never block other events. A full queue reserves no new slots, because it
/// would grow without bound.
pub struct Reservation {
    queue: Arc<Queue>,
}

impl Reservation {
    /// A slot, if one is free.
    pub(super) fn new(queue: &Arc<Queue>) -> Option<Self> {
        let (gauges, most) = (&queue.gauges, queue.gauges.limits.items);
        let free = gauges.reserved.fetch_add(1, Ordering::Relaxed) < most
            && gauges.waiting.load(Ordering::Relaxed) < most
            && !queue.is_closed();
        // If no slot is free, this is dropped, which corrects the count.
        let place = Self { queue: Arc::clone(queue) };
        free.then_some(place)
    }

    /// Enqueues a closure that creates events on the recorder's thread. It is never refused for lack of room.
    ///
    /// # Errors
    /// The log is closed.
    pub fn record_later(self, events: impl FnOnce() -> Vec<Event> + Send + 'static) -> Result<(), RecordError> {
        self.queue.push(Work::Later(Box::new(events)))
    }

    /// The same, but the closure gets the slot, so that it may create events in several turns.
    ///
    /// # Errors
    /// The log is closed.
    #[doc(hidden)]
    pub fn record_with(self, events: impl FnOnce(Self) -> Vec<Event> + Send + 'static) -> Result<(), RecordError> {
        let queue = Arc::clone(&self.queue);
        queue.push(Work::Later(Box::new(move || events(self))))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.queue.gauges.reserved.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reservation")
    }
}

/// Bytes that may be held in sum.
#[derive(Debug)]
pub struct Budget {
    held: AtomicUsize,
    most: usize,
}

/// A share of the budget in bytes, returned when it is dropped.
#[derive(Debug)]
pub struct BudgetShare {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// An empty budget with a limit in bytes.
    #[doc(hidden)]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), most })
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// An empty share, which can grow.
    #[doc(hidden)]
    pub fn nothing(self: &Arc<Self>) -> BudgetShare {
        BudgetShare { budget: Arc::clone(self), bytes: 0 }
    }
}

impl BudgetShare {
    /// How many bytes these are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `bytes` more, if the budget has room.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let held = &self.budget.held;
        let fits = held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.budget.most;
        if fits {
            self.bytes += bytes;
        } else {
            held.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Returns all of the share to the budget.
    pub fn release(&mut self) {
        self.budget.held.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_shares_return_to_the_budget() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.nothing(), budget.nothing());
        assert!(one.grow(6) && !other.grow(5) && other.grow(4));
        assert_eq!((budget.held(), one.bytes(), other.bytes()), (10, 6, 4));
        drop(one);
        assert!(other.grow(6) && budget.held() == 10);
        other.release();
        assert_eq!(budget.held(), 0);
    }
}
