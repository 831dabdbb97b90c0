//! A circuit breaker for a policy that burns its fuel and fails: it is not called for a while, so that recording
//! continues.
//!
//! It counts the fuel of failed calls, whatever the fault, minus a little for each judged event. So one faulty event in
//! thousands changes nothing. A policy that burns its fuel on each or on every second event costs about a second before
//! the breaker opens, and a tenth of a second at each trial.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The fuel that failed calls may burn before the policy is paused: about one and a half seconds of a processor.
const IN_VAIN: u64 = 4_000_000_000;
/// The budget of a trial, so that one failed call with burned fuel ends it.
const TRIAL: u64 = 100_000_000;
/// The wasted fuel that each judged event makes up for.
const MADE_GOOD: u64 = 4_000_000;
/// The first and the longest pause. Each further failure doubles it.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
    /// It never opens.
    is_off: bool,
}

#[derive(Debug)]
struct State {
    /// Fuel burned by failed calls.
    burned: u64,
    /// The end of the pause.
    until: Option<Instant>,
    /// The length of the next pause.
    rest: Duration,
}

impl Default for State {
    fn default() -> Self {
        Self { burned: 0, until: None, rest: FIRST_REST }
    }
}

impl Breaker {
    /// One that never opens.
    pub(super) fn never() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// Whether the breaker is open at `now`.
    pub(super) fn rests(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.until {
            Some(until) if now < until => true,
            Some(_) => {
                state.until = None;
                state.burned = IN_VAIN - TRIAL;
                false
            }
            None => false,
        }
    }

    /// The same for monitoring: nothing changes by asking.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.state().until.is_some_and(|until| now < until)
    }

    /// Counts the fuel of a failed call.
    pub(super) fn failed(&self, fuel: u64, now: Instant) {
        let mut state = self.state();
        state.burned = state.burned.saturating_add(fuel);
        if state.burned > IN_VAIN && state.until.is_none() && !self.is_off {
            state.until = Some(now + state.rest);
            state.rest = (state.rest * 2).min(LONGEST_REST);
        }
    }

    /// Counts judged events.
    pub(super) fn judged(&self, events: usize) {
        let mut state = self.state();
        state.burned = state.burned.saturating_sub(MADE_GOOD.saturating_mul(events as u64));
        if state.burned == 0 {
            state.rest = FIRST_REST;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: u64 = 101_000_000;

    #[test]
    fn a_policy_that_burns_its_fuel_is_paused_longer_each_time() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        let mut calls = 0;
        while !breaker.rests(now) {
            breaker.failed(CALL, now);
            calls += 1;
        }
        assert_eq!(calls, 40);
        for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
            now += Duration::from_secs(rest) - Duration::from_millis(1);
            assert!(breaker.is_open(now) && breaker.rests(now), "{rest}");
            now += Duration::from_millis(1);
            assert!(!breaker.is_open(now), "{rest}");
            assert!(!breaker.rests(now), "{rest}");
            breaker.failed(CALL, now);
            assert!(breaker.rests(now), "one call is enough");
        }
    }

    #[test]
    fn a_policy_that_recovers_is_trusted_again() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        for _ in 0..40 {
            breaker.failed(CALL, now);
        }
        now += FIRST_REST;
        assert!(!breaker.rests(now));
        breaker.judged(1_000);
        for _ in 0..39 {
            breaker.failed(CALL, now);
        }
        assert!(!breaker.rests(now));
        breaker.failed(CALL, now);
        now += FIRST_REST;
        assert!(!breaker.rests(now), "the first rest again");
    }

    #[test]
    fn rare_faults_never_open_the_breaker_and_every_second_one_does() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..1_000 {
            breaker.failed(CALL, now);
            breaker.judged(100);
        }
        assert!(!breaker.rests(now));
        for _ in 0..50 {
            breaker.failed(CALL, now);
            breaker.judged(1);
        }
        assert!(breaker.rests(now));
    }
}
