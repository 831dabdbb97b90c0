//! Scheduled jobs: run by the log itself, once however many slots were missed, or at once by an admin.

use std::sync::{Arc, TryLockError, Weak};
use std::time::Duration;

use super::{AuditLog, Inner, OpenError};
use crate::access::{Access, Denied, Right};
use crate::manifest::{Cron, Job};
use crate::recorder::{RecordError, StateChange};
use crate::retention;
use crate::schedule::CronState;
use crate::store::StoreError;

/// How often the schedule is looked at.
const TICK: Duration = Duration::from_secs(1);

/// A scheduled job and how it stands.
#[derive(Clone, Debug)]
pub struct CronStatus {
    /// Its name.
    pub name: String,
    /// Its schedule in cron syntax, UTC.
    pub schedule: String,
    /// Last and next run.
    pub state: CronState,
}

/// Why a job was not run, or failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The viewer may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such job.
    #[error("there is no scheduled job {0:?}")]
    Unknown(String),
    /// It is running already.
    #[error("a scheduled job is running already; wait until it has finished")]
    Running,
    /// Its state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its result could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl AuditLog {
    /// The scheduled jobs: for those who configure or verify the log.
    ///
    /// # Errors
    /// The viewer may do neither, or the store fails.
    pub fn crons(&self, access: &Access) -> Result<Vec<CronStatus>, RunError> {
        access.require_oversight()?;
        let mut states = self.0.view.files.crons()?;
        let status = |cron: &Cron| CronStatus {
            name: cron.name.clone(),
            schedule: cron.schedule.to_string(),
            state: states.remove(&cron.name).unwrap_or_default(),
        };
        Ok(self.manifest().crons.iter().map(status).collect())
    }

    /// Runs a job now and returns its state; blocks until it is done.
    ///
    /// # Errors
    /// The viewer may not configure, there is no such job, one is running already, or the store fails.
    pub fn run_cron(&self, access: &Access, name: &str) -> Result<CronState, RunError> {
        access.require(Right::Configure)?;
        let cron = self.manifest().crons.iter().find(|cron| cron.name == name);
        let cron = cron.ok_or_else(|| RunError::Unknown(name.chars().take(80).collect()))?;
        self.0.run(cron, Some(access), |_| true).and_then(|state| state.ok_or(RunError::Running))
    }

    /// Runs what is due; called by the log's own thread every second.
    ///
    /// # Errors
    /// The state of the jobs cannot be read or recorded.
    pub fn run_due(&self) -> Result<(), RunError> {
        self.0.run_due()
    }

    /// Gives every job its next slot.
    pub(super) fn plan_schedule(&self) -> Result<(), OpenError> {
        let states = self.0.view.files.crons()?;
        let now = self.now();
        let crons = self.manifest().crons.iter().map(|cron| {
            let state = states.get(&cron.name).cloned().unwrap_or_default();
            // A slot in the past stays: it was missed, and is made up for. A later slot than the schedule's is an old one's.
            let next_run = state.next_run.into_iter().chain(cron.schedule.next_after(now)).min();
            (cron.name.clone(), CronState { next_run, ..state })
        });
        Ok(self.0.recorder.change(StateChange { crons: crons.collect(), ..StateChange::default() }, Vec::new())?)
    }

    /// Starts the thread that runs what is due.
    pub(super) fn watch_schedule(&self) -> Result<(), OpenError> {
        let log = Arc::downgrade(&self.0);
        let thread = std::thread::Builder::new().name("mcp-audit-schedule".into());
        thread.spawn(move || watch(&log)).map(drop).map_err(OpenError::Thread)
    }
}

/// Runs until the log is gone.
fn watch(log: &Weak<Inner>) {
    while let Some(log) = log.upgrade() {
        match log.run_due() {
            Ok(()) => {}
            Err(RunError::Record(RecordError::Closed)) => return,
            Err(error) => tracing::error!(%error, "the schedule could not be looked at; trying again"),
        }
        drop(log);
        std::thread::park_timeout(TICK);
    }
}

impl Inner {
    fn run_due(&self) -> Result<(), RunError> {
        let states = self.view.files.crons()?;
        let now = self.view.now();
        for cron in &self.view.manifest().crons {
            if states.get(&cron.name).is_some_and(|state| state.is_due(now)) {
                self.run(cron, None, |state| state.is_due(now))?;
            }
        }
        Ok(())
    }

    /// Runs a job under the lock, if `wanted` still holds there; `None` when another run has the lock. `by` is who asked
    /// for it, where it was not the schedule.
    fn run(
        &self,
        cron: &Cron,
        by: Option<&Access>,
        wanted: impl Fn(&CronState) -> bool,
    ) -> Result<Option<CronState>, RunError> {
        let _lock = match self.running.try_lock() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(lock)) => lock.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        let state = self.view.files.crons()?.remove(&cron.name).unwrap_or_default();
        if !wanted(&state) {
            return Ok(Some(state));
        }
        let now = self.view.now();
        let Job::Retention = cron.job;
        let result = retention::run(&self.view.policy, &self.view.settings(), &self.recorder, now);
        match &result {
            Ok(report) => tracing::info!(cron = cron.name, "{}", report.message()),
            Err(error) => {
                tracing::error!(cron = cron.name, %error, "a scheduled job failed; it runs again at its next slot")
            }
        }
        let state = CronState::after_run(
            &cron.schedule,
            now,
            &result.as_ref().map(retention::Report::message).map_err(Clone::clone),
        );
        let change = StateChange { crons: vec![(cron.name.clone(), state.clone())], ..StateChange::default() };
        let mut event = retention::event(&cron.name, now, &result).fact("manual", by.is_some());
        event.caller.user = by.map(|access| access.viewer().user.clone());
        self.recorder.change(change, vec![event])?;
        Ok(Some(state))
    }
}
