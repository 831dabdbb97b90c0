//! The thread of one place: brings the newest checkpoint there, and tries again while that fails.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Place, PlaceStatus, Published};

/// How long to wait after a failure: twice as long each time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// What a place's thread and the others share.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is to arrive next.
    wanted: Option<Arc<Published>>,
    status: PlaceStatus,
    /// The thread is to end, after one try of what is wanted.
    closing: bool,
    ended: bool,
}

impl Slot {
    pub(super) fn start(name: &'static str, place: impl Place, pauses: Pauses) -> std::io::Result<Arc<Self>> {
        let status = PlaceStatus { name, ..PlaceStatus::default() };
        let slot = Arc::new(Self { state: Mutex::new(State { status, ..State::default() }), changed: Condvar::new() });
        let (mut place, shared) = (place, Arc::clone(&slot));
        let thread = std::thread::Builder::new().name(format!("mcp-audit-{name}"));
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

    pub(super) fn status(&self) -> PlaceStatus {
        self.state().status.clone()
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has ended, or until then.
    pub(super) fn wait(&self, until: Instant) {
        self.wait_for(until, |state| state.ended);
    }

    /// The same for anything else, for tests.
    #[cfg(test)]
    pub(super) fn wait_status(&self, until: Instant, is_so: impl Fn(&PlaceStatus) -> bool) -> bool {
        self.wait_for(until, |state| is_so(&state.status))
    }

    fn wait_for(&self, until: Instant, is_so: impl Fn(&State) -> bool) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.state(), left, |state| !is_so(state));
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        !timeout.timed_out()
    }

    fn run(&self, place: &mut impl Place, pauses: Pauses) {
        let mut pause = pauses.first;
        while let Some(published) = self.next() {
            match place.put(&published) {
                Ok(()) => {
                    pause = pauses.first;
                    self.arrived(&published);
                }
                Err(reason) => {
                    self.failed(reason);
                    self.rest(pause);
                    pause = (pause * 2).min(pauses.longest);
                }
            }
        }
    }

    /// What is to be brought there next; waits for it. `None`: that was all.
    fn next(&self) -> Option<Arc<Published>> {
        let idle = |state: &mut State| state.wanted.is_none() && !state.closing;
        let state = self.changed.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        // While it closes, what failed just now is not tried again.
        let tried = state.closing && state.status.failing.is_some();
        state.wanted.clone().filter(|_| !tried)
    }

    fn arrived(&self, published: &Published) {
        let mut state = self.state();
        if state.status.failing.take().is_some() {
            tracing::info!(place = state.status.name, "checkpoints are published again");
        }
        state.status.arrived = Some(published.number);
        // A newer one may have come meanwhile.
        if state.wanted.as_ref().is_some_and(|wanted| wanted.number == published.number) {
            state.wanted = None;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn failed(&self, reason: String) {
        let mut state = self.state();
        if state.status.failing.is_none() {
            tracing::error!(place = state.status.name, reason, "checkpoints cannot be published; trying again");
        }
        state.status.failures += 1;
        state.status.failing = Some(reason);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits before the next try, or until the place is closed.
    fn rest(&self, pause: Duration) {
        let _ = self.changed.wait_timeout_while(self.state(), pause, |state| !state.closing);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
