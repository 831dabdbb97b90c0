//! The thread of one destination: delivers the newest checkpoint, and retries while that fails.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Destination, DestinationStatus, Published, PutError};

/// How long to wait after a failure: twice as long each time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// The state that a destination's thread shares with its callers.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is to arrive next.
    wanted: Option<Arc<Published>>,
    status: DestinationStatus,
    /// A caller waits for this one, so it is attempted without a pause.
    urged: Option<u64>,
    /// Set when the thread is to end, after one more attempt.
    closing: bool,
    ended: bool,
}

impl State {
    fn is_trying(&self, number: u64) -> bool {
        !self.ended && self.status.arrived < Some(number) && self.status.tried < Some(number)
    }
}

impl Slot {
    pub(super) fn start(name: &'static str, place: impl Destination, pauses: Backoff) -> std::io::Result<Arc<Self>> {
        let status = DestinationStatus { name, ..DestinationStatus::default() };
        let slot = Arc::new(Self { state: Mutex::new(State { status, ..State::default() }), changed: Condvar::new() });
        let (mut place, shared) = (place, Arc::clone(&slot));
        let thread = std::thread::Builder::new().name(format!("audit-{name}"));
        thread.spawn(move || {
            shared.run(&mut place, pauses);
            shared.state().ended = true;
            shared.changed.notify_all();
        })?;
        Ok(slot)
    }

    pub(super) fn want(&self, published: Arc<Published>) {
        self.state().wanted = Some(published);
        self.changed.notify_all();
    }

    pub(super) fn status(&self) -> DestinationStatus {
        self.state().status.clone()
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has ended, or until the deadline.
    pub(super) fn wait(&self, until: Instant) {
        self.wait_for(until, |state| state.ended);
    }

    /// Waits until the status satisfies a condition, for tests.
    #[cfg(test)]
    pub(super) fn wait_status(&self, until: Instant, is_so: impl Fn(&DestinationStatus) -> bool) -> bool {
        self.wait_for(until, |state| is_so(&state.status))
    }

    fn wait_for(&self, until: Instant, is_so: impl Fn(&State) -> bool) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.state(), left, |state| !is_so(state));
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        !timeout.timed_out()
    }

    fn run(&self, place: &mut impl Destination, pauses: Backoff) {
        let mut pause = pauses.first;
        while let Some(published) = self.next() {
            match place.put(&published) {
                Ok(()) => {
                    pause = pauses.first;
                    self.arrived(&published);
                }
                Err(error) => {
                    self.failed(published.number, error);
                    self.rest(pause);
                    pause = (pause * 2).min(pauses.longest);
                }
            }
        }
    }

    /// Waits for the next checkpoint to deliver. `None`: the thread is to end.
    fn next(&self) -> Option<Arc<Published>> {
        let idle = |state: &mut State| state.wanted.is_none() && !state.closing;
        let state = self.changed.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        // While closing, a failed checkpoint is not retried.
        let tried = state.closing && state.status.failing.is_some();
        state.wanted.clone().filter(|_| !tried)
    }

    fn arrived(&self, published: &Published) {
        let mut state = self.state();
        if state.status.failing.take().is_some() {
            tracing::info!(place = state.status.name, "checkpoint publishing recovered");
        }
        state.status.conflict = false;
        state.status.arrived = Some(published.number);
        // A newer one may have been enqueued meanwhile.
        if state.wanted.as_ref().is_some_and(|wanted| wanted.number == published.number) {
            state.wanted = None;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn failed(&self, number: u64, error: PutError) {
        let (is_conflict, reason) = match error {
            PutError::Failed(reason) => (false, reason),
            PutError::Conflict(reason) => (true, reason),
        };
        let mut state = self.state();
        let status = &mut state.status;
        if is_conflict && !status.conflict {
            tracing::error!(
                place = status.name,
                reason,
                "the published checkpoints are not of this log; nothing is overwritten"
            );
        } else if status.failing.is_none() {
            tracing::error!(place = status.name, reason, "checkpoints cannot be published; retrying");
        }
        status.failures += 1;
        (status.failing, status.conflict, status.tried) = (Some(reason), is_conflict, Some(number));
        drop(state);
        self.changed.notify_all();
    }

    /// Waits before the next attempt; ends early when the destination closes or a caller waits for an unattempted
    /// checkpoint.
    fn rest(&self, pause: Duration) {
        let waits = |state: &mut State| !state.closing && state.urged <= state.status.tried;
        let _ = self.changed.wait_timeout_while(self.state(), pause, waits);
    }

    /// Marks that a caller waits for this checkpoint.
    pub(super) fn urge(&self, number: u64) {
        self.state().urged = Some(number);
        self.changed.notify_all();
    }

    /// Whether it may still be delivered: it was not attempted, or something older is being attempted.
    pub(super) fn is_trying(&self, number: u64) -> bool {
        self.state().is_trying(number)
    }

    /// Waits until the deadline, or until it was attempted.
    pub(super) fn wait_try(&self, number: u64, until: Instant) {
        self.wait_for(until, |state| !state.is_trying(number));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
