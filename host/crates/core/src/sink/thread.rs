//! The thread of one sink: delivers, and retries while that fails.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::{Delivery, Feed, Sink, SinkError, SinkStatus};

/// How often a feed without a new delivery is asked again.
const LOOK: Duration = Duration::from_millis(200);

/// The longest time for which a destination may ask to be left alone.
const LONGEST_REST: Duration = Duration::from_secs(3_600);

/// The pause after a failure. It doubles each time. A random part of up to a half is left out, so that sinks that failed
/// together do not return together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Backoff {
    /// The pause with its random part, which `random` (0 to 255) decides.
    fn jittered(pause: Duration, random: u8) -> Duration {
        pause - pause / 2 * u32::from(random) / 256
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// A running sink, whatever it delivers.
pub trait SinkControl: Send + Sync {
    /// The current state.
    fn status(&self) -> SinkStatus;

    /// Begins to end the thread, after one more attempt.
    fn close(&self);

    /// Waits until the thread has ended, or until the deadline.
    fn wait(&self, until: Instant);
}

impl<D: Delivery> SinkControl for SinkThread<D> {
    fn status(&self) -> SinkStatus {
        Self::status(self)
    }

    fn close(&self) {
        Self::close(self);
    }

    fn wait(&self, until: Instant) {
        Self::wait(self, until);
    }
}

/// A running sink. It runs until it is closed.
#[derive(Debug)]
pub struct SinkThread<D> {
    state: Mutex<State<D>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<D> {
    /// The next delivery.
    wanted: Option<Arc<D>>,
    status: SinkStatus,
    /// A caller waits for this one, so it is attempted without a pause.
    urged: Option<u64>,
    /// Set when the thread is to end, after one more attempt.
    closing: bool,
    ended: bool,
    thread: Option<ThreadId>,
}

impl<D> State<D> {
    fn is_trying(&self, watermark: u64) -> bool {
        !self.ended && self.status.arrived < Some(watermark) && self.status.tried < Some(watermark)
    }
}

impl<D: Delivery> SinkThread<D> {
    /// Starts a sink that gets its deliveries from [`SinkThread::want`].
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(name: &str, mut sink: impl Sink<D>, pauses: Backoff) -> std::io::Result<Arc<Self>> {
        Self::spawn(name, move |thread| {
            let mut pause = pauses.first;
            while let Some(delivery) = thread.next() {
                thread.deliver(&mut sink, &delivery, pauses, &mut pause);
            }
        })
    }

    /// Starts a sink that gets every delivery of `feed`, one after another and in order.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn follow(
        name: &str,
        mut sink: impl Sink<D>,
        mut feed: impl Feed<D>,
        pauses: Backoff,
    ) -> std::io::Result<Arc<Self>> {
        Self::spawn(name, move |thread| {
            let mut pause = pauses.first;
            while !thread.state().closing {
                // It is read again before it is tried again: rights may have changed meanwhile.
                let (tried, error) = match feed.next() {
                    Ok(Some(delivery)) => match sink.put(&delivery) {
                        Ok(()) => {
                            pause = pauses.first;
                            feed.arrived(&delivery);
                            thread.arrived(feed.watermark());
                            continue;
                        }
                        // It has answered. What it refused is not tried again, so there is nothing to wait for.
                        Err(SinkError::Refused(reason)) => {
                            thread.state().status.refused += feed.refused(&delivery, &reason);
                            thread.arrived(feed.watermark());
                            continue;
                        }
                        Err(SinkError::Partly(reason, rejected)) => {
                            pause = pauses.first;
                            feed.arrived_partly(&delivery, rejected, &reason);
                            thread.state().status.refused += rejected;
                            thread.arrived(feed.watermark());
                            continue;
                        }
                        Err(error) => (Some(delivery.watermark()), error),
                    },
                    Ok(None) => {
                        thread.state().status.arrived = Some(feed.watermark());
                        thread.rest(LOOK);
                        continue;
                    }
                    Err(error) => (None, error),
                };
                feed.failed(&error);
                thread.retry(tried, error, pauses, &mut pause);
            }
        })
    }

    fn spawn(name: &str, work: impl FnOnce(&Self) + Send + 'static) -> std::io::Result<Arc<Self>> {
        let state = State {
            wanted: None,
            status: SinkStatus::new(name),
            urged: None,
            closing: false,
            ended: false,
            thread: None,
        };
        let shared = Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        std::thread::Builder::new().name(format!("audit-{name}")).spawn(move || {
            own.state().thread = Some(std::thread::current().id());
            work(&own);
            own.state().ended = true;
            own.changed.notify_all();
        })?;
        Ok(shared)
    }

    /// Enqueues a delivery and returns at once. It replaces one that is still waiting.
    pub fn want(&self, delivery: Arc<D>) {
        self.state().wanted = Some(delivery);
        self.changed.notify_all();
    }

    /// The current state.
    pub fn status(&self) -> SinkStatus {
        self.state().status.clone()
    }

    /// Begins to end the thread, after one more attempt.
    pub fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has ended, or until the deadline.
    pub fn wait(&self, until: Instant) {
        // The last to hold the log may be the sink itself.
        let own = std::thread::current().id();
        self.wait_for(until, |state| state.ended || state.thread == Some(own));
    }

    /// Waits until the status satisfies a condition, for tests.
    #[cfg(test)]
    pub(crate) fn wait_status(&self, until: Instant, is_so: impl Fn(&SinkStatus) -> bool) -> bool {
        self.wait_for(until, |state| is_so(&state.status))
    }

    fn wait_for(&self, until: Instant, is_so: impl Fn(&State<D>) -> bool) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.state(), left, |state| !is_so(state));
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        !timeout.timed_out()
    }

    /// Makes one attempt, and returns whether it succeeded. After a failure it pauses.
    fn deliver(&self, sink: &mut impl Sink<D>, delivery: &D, pauses: Backoff, pause: &mut Duration) -> bool {
        match sink.put(delivery) {
            Ok(()) => {
                *pause = pauses.first;
                self.arrived(delivery.watermark());
                true
            }
            Err(error) => {
                self.retry(Some(delivery.watermark()), error, pauses, pause);
                false
            }
        }
    }

    fn retry(&self, tried: Option<u64>, error: SinkError, pauses: Backoff, pause: &mut Duration) {
        let asked = if let SinkError::Busy(_, rest) = &error { (*rest).min(LONGEST_REST) } else { Duration::ZERO };
        self.failed(tried, error);
        let mut random = [0];
        // Without randomness, the pause is a whole one.
        let _ = getrandom::fill(&mut random);
        self.rest(Backoff::jittered(*pause, random[0]).max(asked));
        *pause = (*pause * 2).min(pauses.longest);
    }

    /// Waits for the next delivery. `None`: the thread is to end.
    fn next(&self) -> Option<Arc<D>> {
        let idle = |state: &mut State<D>| state.wanted.is_none() && !state.closing;
        let state = self.changed.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        // While closing, what failed is not retried.
        let tried = state.closing && state.status.failing.is_some();
        state.wanted.clone().filter(|_| !tried)
    }

    fn arrived(&self, watermark: u64) {
        let mut state = self.state();
        if state.status.failing.take().is_some() {
            tracing::info!(place = &*state.status.name, "publishing of {} recovered", D::WHAT);
        }
        state.status.conflict = false;
        state.status.arrived = Some(watermark);
        // A newer one may have been enqueued meanwhile.
        if state.wanted.as_ref().is_some_and(|wanted| wanted.watermark() == watermark) {
            state.wanted = None;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn failed(&self, tried: Option<u64>, error: SinkError) {
        let (is_conflict, reason) = (matches!(error, SinkError::Conflict(_)), error.reason().to_owned());
        let mut state = self.state();
        let status = &mut state.status;
        let place = &*status.name;
        if is_conflict && !status.conflict {
            tracing::error!(place, reason, "the published {} are not of this log; nothing is overwritten", D::WHAT);
        } else if status.failing.is_none() {
            tracing::error!(place, reason, "{} cannot be published; retrying", D::WHAT);
        }
        status.failures += 1;
        (status.failing, status.conflict, status.tried) = (Some(reason), is_conflict, tried);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits before the next attempt; ends early when the sink is closed or a caller waits for an unattempted delivery.
    fn rest(&self, pause: Duration) {
        let waits = |state: &mut State<D>| !state.closing && state.urged <= state.status.tried;
        let _ = self.changed.wait_timeout_while(self.state(), pause, waits);
    }

    /// Marks that a caller waits for this one.
    pub fn urge(&self, watermark: u64) {
        self.state().urged = Some(watermark);
        self.changed.notify_all();
    }

    /// Whether it may still be delivered: it was not attempted yet, or an older one is being attempted.
    pub fn is_trying(&self, watermark: u64) -> bool {
        self.state().is_trying(watermark)
    }

    /// Waits until the deadline, or until this checkpoint was attempted.
    pub fn wait_try(&self, watermark: u64, until: Instant) {
        self.wait_for(until, |state| !state.is_trying(watermark));
    }

    fn state(&self) -> MutexGuard<'_, State<D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
