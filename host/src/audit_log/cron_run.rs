//! One run of a scheduled job. Only one runs at a time; it records what it will do before it begins, and the result.

use std::sync::{Arc, MutexGuard, PoisonError};

use super::open::counted;
use super::{Inner, RunError, SignError};
use crate::access::{Access, Grant};
use crate::event::Event;
use crate::manifest::{Cron, Job};
use crate::recorder::{RecordError, RecorderControl, StateChange};
use crate::retention::{self, CleanupIntent, CleanupReport};
use crate::schedule::CronState;
use crate::time::Timestamp;

/// How far a cleanup is that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupProgress {
    /// When it began.
    pub began: Timestamp,
    /// Entries removed so far.
    pub entries: u64,
    /// Payloads removed so far.
    pub payloads: u64,
    /// How many entries it will remove, as estimated when it began.
    pub expected: u64,
}

/// The right to run, held while it lasts. If it is dropped halfway, the log remembers the interrupted run, and repeats
/// it at the next check of the schedule.
pub(super) struct Run {
    inner: Arc<Inner>,
    cron: Cron,
    began: Timestamp,
    /// The viewer who started it; `None`: the schedule.
    by: Option<Access>,
}

/// How a run began.
pub(super) enum Begun {
    /// This is to be removed now.
    Going(CleanupIntent),
    /// It cannot be said what to remove; that is recorded, and the run is over.
    Over(CronState),
}

impl Run {
    /// Begins nothing yet, but keeps others from it.
    ///
    /// # Errors
    /// A job is running already.
    pub(super) fn claim(inner: &Arc<Inner>, cron: &Cron, by: Option<&Access>) -> Result<Self, RunError> {
        let began = inner.view.now();
        let mut running = inner.running();
        if running.is_some() {
            return Err(RunError::Running);
        }
        *running = Some((cron.name.clone(), CleanupProgress { began, entries: 0, payloads: 0, expected: 0 }));
        drop(running);
        Ok(Self { inner: Arc::clone(inner), cron: cron.clone(), began, by: by.cloned() })
    }

    /// What the log remembers about the job.
    pub(super) fn state(&self) -> Result<CronState, RunError> {
        Ok(self.inner.view.files.crons()?.remove(&self.cron.name).unwrap_or_default())
    }

    /// Decides what to do and records it: when this returns, a crash cannot lose the run.
    pub(super) fn begin(&self) -> Result<Begun, RunError> {
        let view = &self.inner.view;
        let Job::Retention = self.cron.job;
        let intent = retention::plan(&view.policy, &view.settings(), &view.files, self.began);
        let intent = match intent.and_then(|intent| self.witnessed(intent)) {
            Ok(intent) => intent,
            Err(error) => return self.end(Err(error)).map(Begun::Over),
        };
        let before = self.state()?;
        let mut event = retention::started(&self.cron.name, self.began, &intent);
        event = retention::begins(counted(event, &view.files.inventory()?), view.files.prune_points()?);
        if before.running_since.is_some() {
            event = event.fact("resumed", true);
        }
        let next_run = self.cron.schedule.next_after(self.began);
        self.record(CronState { next_run, running_since: Some(self.began), ..before }, event)?;
        self.tell(&CleanupReport::default(), intent.expected);
        Ok(Begun::Going(intent))
    }

    /// Limits it to what checkpoints cover. If the newest archived one does not cover everything that is old enough,
    /// for example after days without the log running, one of today is signed first.
    fn witnessed(&self, intent: CleanupIntent) -> Result<CleanupIntent, String> {
        let evidence = || self.inner.evidence(self.began).map_err(|error| format!("nothing was deleted: {error}"));
        let mut found = evidence()?;
        if intent.lacks_archived(&found) {
            self.inner.sign().map_err(|error| format!("nothing was deleted: {error}"))?;
            found = evidence()?;
        }
        intent.witnessed(&found, &self.inner.view.files)
    }

    /// Does it; blocks until it is done. What is about to go, and the intent to remove it, are signed before, and published
    /// where that is configured.
    pub(super) fn finish(self, intent: CleanupIntent) -> Result<CronState, RunError> {
        match self.inner.sign() {
            Err(SignError::Record(RecordError::Closed)) => return Err(RecordError::Closed.into()),
            Err(error) => return self.end(Err(format!("nothing was deleted: {error}"))),
            Ok(()) => {}
        }
        if let Err(error) = self.inner.wait_published() {
            return self.end(Err(format!("nothing was deleted: {error}")));
        }
        let tell = |report: &CleanupReport| self.tell(report, intent.expected);
        let result = retention::run(intent, &self.inner.view.files, &self.inner.recorder, tell);
        self.end(result)
    }

    fn end(&self, result: Result<CleanupReport, String>) -> Result<CronState, RunError> {
        let name = &self.cron.name;
        let mut event = retention::ended(name, self.began, &result);
        // A file that cannot be read is one of the reasons why a run fails.
        if let Ok(points) = self.inner.view.files.prune_points() {
            event = retention::begins(event, points);
        }
        let result = result.map(|report| report.message());
        let state = CronState::after_run(&self.cron.schedule, self.began, &result);
        self.record(state.clone(), event)?;
        match result {
            Ok(message) => tracing::info!(cron = name, "{message}"),
            Err(error) => {
                tracing::error!(cron = name, %error, "a scheduled job failed; the next run is at its next slot");
            }
        }
        Ok(state)
    }

    fn record(&self, state: CronState, event: Event) -> Result<(), RunError> {
        let mut event = event.fact("manual", self.by.is_some());
        if let Some(by) = &self.by {
            event = event.by_actor(by.actor(), by.viewer().instance.as_deref());
        }
        let crons = vec![(self.cron.name.clone(), state)];
        Ok(self.inner.recorder.change(StateChange { crons, ..StateChange::default() }, vec![event])?)
    }

    fn tell(&self, report: &CleanupReport, expected: u64) {
        let CleanupReport { entries, payloads, .. } = *report;
        let progress = CleanupProgress { began: self.began, entries, payloads, expected };
        *self.inner.running() = Some((self.cron.name.clone(), progress));
        tracing::debug!(entries, payloads, expected, "the cleanup continues");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        *self.inner.running() = None;
    }
}

impl Inner {
    /// The job that is running, and how far it is.
    pub(super) fn running(&self) -> MutexGuard<'_, Option<(String, CleanupProgress)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
