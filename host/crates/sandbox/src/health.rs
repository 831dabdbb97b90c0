//! The health of the policy: its faults by function and kind, and whether it still works.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::fault::{Fault, FaultKind};

/// The number of recent events that are counted.
const RECENT: usize = 1_000;
/// The number of them that may be unjudged.
const UNJUDGED: usize = RECENT / 2;
/// The number of denials in a row that failures of the policy may cause.
const DENIALS: u32 = 10;
/// How often the log reports that the policy fails; and how long after its last fault it is tried again where senders
/// avoid a log that is not ready.
const QUIET: Duration = Duration::from_secs(60);

/// The functions that are called while a log runs.
const FUNCTIONS: [&str; 4] = ["judge", "amend", "access", "retention"];

/// Why a policy does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyFailure {
    /// It failed on half of the last thousand events.
    Judge,
    /// Its access function failed ten times in a row.
    Access,
}

/// The record of a policy's faults.
#[derive(Debug, Default)]
pub struct Health {
    /// By function and kind.
    faults: [[AtomicU64; FaultKind::ALL.len()]; FUNCTIONS.len()],
    /// Events whose verdict was remembered, and events that were asked about.
    reused: AtomicU64,
    asked: AtomicU64,
    /// Fuel burned by judging.
    fuel: AtomicU64,
    /// Values of verdicts that an extension replaced.
    replaced: AtomicU64,
    recent: Mutex<Recent>,
    denials: AtomicU32,
    /// The time of the last failure.
    failed: Mutex<Option<Instant>>,
    /// The time of the last report that the policy fails.
    said: Mutex<Option<Instant>>,
    /// Whether nothing is reported.
    is_quiet: bool,
}

/// The results of the last events, oldest first: whether each is unjudged.
#[derive(Debug, Default)]
struct Recent {
    outcomes: VecDeque<bool>,
    unjudged: usize,
}

impl Health {
    /// From now on nothing is reported.
    pub(super) fn be_quiet(&mut self) {
        self.is_quiet = true;
    }

    /// Counts the results of judged events, in order: for each the faults of the policy and its extensions.
    pub(super) fn judged<'a, F: Iterator<Item = &'a Fault>>(&self, verdicts: impl Iterator<Item = F>) {
        let mut last = None;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for faults in verdicts {
            let mut failed = false;
            for fault in faults {
                self.count(fault);
                (failed, last) = (true, Some(fault));
            }
            recent.add(failed);
        }
        drop(recent);
        last.into_iter().for_each(|fault| self.say(fault));
    }

    /// Counts events whose verdict was remembered, and events that were asked about.
    pub(super) fn reused(&self, remembered: usize, asked: usize) {
        self.reused.fetch_add(remembered as u64, Ordering::Relaxed);
        self.asked.fetch_add(asked as u64, Ordering::Relaxed);
    }

    /// Counts the fuel of a call that judges.
    pub(super) fn burned(&self, fuel: u64) {
        self.fuel.fetch_add(fuel, Ordering::Relaxed);
    }

    /// How many events got a verdict that was remembered, and how many were asked about.
    pub fn cache(&self) -> (u64, u64) {
        (self.reused.load(Ordering::Relaxed), self.asked.load(Ordering::Relaxed))
    }

    /// Counts values of verdicts that an extension replaced.
    pub(super) fn replaced(&self, values: u64) {
        self.replaced.fetch_add(values, Ordering::Relaxed);
    }

    /// How many values of verdicts (action, affected resource, model, record) extensions have replaced. What is
    /// remembered is counted once.
    pub fn replacements(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// The fuel that judging has burned.
    pub fn fuel(&self) -> u64 {
        self.fuel.load(Ordering::Relaxed)
    }

    /// Counts the result of a call of another function.
    pub(super) fn called<T>(&self, function: &str, result: &Result<T, Fault>) {
        let failed = result.as_ref().err();
        if function == "access" {
            match failed {
                Some(_) => {
                    self.denials.fetch_add(1, Ordering::Relaxed);
                }
                None => self.denials.store(0, Ordering::Relaxed),
            }
        }
        if let Some(fault) = failed {
            self.count(fault);
            self.say(fault);
        }
    }

    /// Whether the policy works.
    ///
    /// # Errors
    /// The mistake.
    pub fn check(&self) -> Result<(), PolicyFailure> {
        self.check_at(Instant::now())
    }

    fn check_at(&self, now: Instant) -> Result<(), PolicyFailure> {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none_or(|failed| now.saturating_duration_since(failed) >= QUIET) {
            return Ok(());
        }
        if self.recent.lock().unwrap_or_else(PoisonError::into_inner).unjudged >= UNJUDGED {
            return Err(PolicyFailure::Judge);
        }
        if self.denials.load(Ordering::Relaxed) >= DENIALS { Err(PolicyFailure::Access) } else { Ok(()) }
    }

    /// How many of the last thousand events it failed on, wholly or in a part, and how many events these are.
    pub fn recent(&self) -> (usize, usize) {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        (recent.unjudged, recent.outcomes.len())
    }

    /// How often each function failed in each way.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, FaultKind, u64)> {
        FUNCTIONS.into_iter().zip(&self.faults).flat_map(|(function, kinds)| {
            let count = move |(kind, count): (FaultKind, &AtomicU64)| (function, kind, count.load(Ordering::Relaxed));
            FaultKind::ALL.into_iter().zip(kinds).map(count)
        })
    }

    fn count(&self, fault: &Fault) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let function = FUNCTIONS.iter().position(|function| *function == fault.function);
        let kind = FaultKind::ALL.iter().position(|kind| *kind == fault.kind);
        let place = function.zip(kind).and_then(|(function, kind)| self.faults.get(function)?.get(kind));
        if let Some(count) = place {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reports once a minute that the policy fails. Without the fault's text: the policy may influence it, and the
    /// policy sees the content of requests.
    fn say(&self, fault: &Fault) {
        if self.is_quiet || !self.is_due(Instant::now()) {
            return;
        }
        let Fault { function, kind, .. } = fault;
        let unjudged = self.recent.lock().unwrap_or_else(PoisonError::into_inner).unjudged;
        let (kind, denials) = (kind.as_str(), self.denials.load(Ordering::Relaxed));
        tracing::error!(
            function,
            kind,
            unjudged,
            denials,
            "the policy fails: events are recorded without a verdict, access is denied; see the entries with a fault"
        );
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.is_none_or(|said| now.saturating_duration_since(said) >= QUIET);
        if due {
            *said = Some(now);
        }
        due
    }
}

impl Recent {
    fn add(&mut self, unjudged: bool) {
        if self.outcomes.len() >= RECENT {
            self.unjudged -= usize::from(self.outcomes.pop_front() == Some(true));
        }
        self.outcomes.push_back(unjudged);
        self.unjudged += usize::from(unjudged);
    }
}

impl PolicyFailure {
    /// It in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Judge => "the policy failed on half of the last thousand events",
            Self::Access => "the policy's access function failed ten times in a row",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(health: &Health, events: usize, kind: Option<FaultKind>) {
        let fault = kind.map(|kind| Fault { function: "judge", kind, message: String::new() });
        let verdicts: Vec<_> = (0..events).map(|_| fault.clone().map_or(Ok(()), Err)).collect();
        health.judged(verdicts.iter().map(|verdict: &Result<(), _>| verdict.as_ref().err().into_iter()));
    }

    #[test]
    fn a_policy_is_unhealthy_while_half_of_the_last_thousand_events_are_unjudged() {
        let health = Health::default();
        judged(&health, 499, Some(FaultKind::Trap));
        assert_eq!(health.check(), Ok(()));
        judged(&health, 501, None);
        assert_eq!(health.recent(), (499, 1_000));
        judged(&health, 1, Some(FaultKind::Fuel));
        assert_eq!(health.check(), Ok(()), "the oldest is gone");
        judged(&health, 1_000, Some(FaultKind::Fuel));
        assert_eq!(health.check(), Err(PolicyFailure::Judge));
        assert_eq!(health.check_at(Instant::now() + QUIET), Ok(()), "whoever waits for it may try again");
        judged(&health, 501, None);
        assert_eq!(health.check(), Ok(()));
        let counts: Vec<_> = health.faults().filter(|(.., count)| *count > 0).collect();
        assert_eq!(counts, [("judge", FaultKind::Fuel, 1_001), ("judge", FaultKind::Trap, 499)]);
    }

    #[test]
    fn ten_denials_in_a_row_are_too_many() {
        let health = Health::default();
        let failed: Result<(), _> = Err(Fault { function: "access", kind: FaultKind::Trap, message: String::new() });
        (0..9).for_each(|_| health.called("access", &failed));
        health.called("access", &Ok(()));
        (0..9).for_each(|_| health.called("access", &failed));
        assert_eq!(health.check(), Ok(()));
        health.called("retention", &Ok(()));
        health.called("access", &failed);
        assert_eq!(health.check(), Err(PolicyFailure::Access));
        health.called("access", &Ok(()));
        assert_eq!(health.check(), Ok(()));
    }

    #[test]
    fn a_failing_policy_is_reported_once_a_minute() {
        let (health, now) = (Health::default(), Instant::now());
        let due = |seconds| health.is_due(now + Duration::from_secs(seconds));
        assert_eq!([0, 1, 59, 60, 61, 119, 120].map(due), [true, false, false, true, false, false, true]);
    }
}
