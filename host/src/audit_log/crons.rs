//! Scheduled jobs: run by the log itself, once however many slots were missed, or at once by an admin.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::cron_run::{Begun, CleanupProgress, Run};
use super::{AuditLog, Inner, OpenError, SignError, tokens};
use crate::access::{Access, Denied, Right};
use crate::manifest::Cron;
use crate::recorder::{RecordError, RecorderControl, StateChange};
use crate::schedule::CronState;
use crate::store::{StoreError, TokenError};

/// How often the schedule is checked.
const TICK: Duration = Duration::from_secs(1);

/// A scheduled job and its state.
#[derive(Clone, Debug)]
pub struct CronStatus {
    /// Its name.
    pub name: String,
    /// Its schedule in cron syntax, UTC.
    pub schedule: String,
    /// Last and next run.
    pub state: CronState,
    /// How far it is, while it runs.
    pub progress: Option<CleanupProgress>,
}

/// Why a job was not run, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The viewer may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such job.
    #[error("unknown scheduled job {0:?}")]
    Unknown(String),
    /// It is running already.
    #[error("a scheduled job is already running; wait until it has finished")]
    Running,
    /// Its state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens cannot be read.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// No checkpoint can be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Its result could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// There is no thread for it; it runs at the next check of the schedule.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}

impl AuditLog {
    /// The scheduled jobs.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify, or the store fails.
    pub fn crons(&self, access: &Access) -> Result<Vec<CronStatus>, RunError> {
        access.require_oversight()?;
        // Before the states: a run that is no longer seen here has left its result there.
        let running = self.0.running().clone();
        let mut states = self.0.view.files.crons()?;
        let status = |cron: &Cron| CronStatus {
            name: cron.name.clone(),
            schedule: cron.schedule.to_string(),
            state: states.remove(&cron.name).unwrap_or_default(),
            progress: running.as_ref().filter(|(name, _)| *name == cron.name).map(|(_, progress)| *progress),
        };
        Ok(self.manifest().crons.iter().map(status).collect())
    }

    /// Runs a job now and returns its state; blocks until it is done.
    ///
    /// # Errors
    /// The viewer may not configure, there is no such job, one is running already, or the store fails.
    pub fn run_cron(&self, access: &Access, name: &str) -> Result<CronState, RunError> {
        let run = self.claim(access, name)?;
        match run.begin()? {
            Begun::Going(intent) => run.finish(intent),
            Begun::Over(state) => Ok(state),
        }
    }

    /// Starts a job and returns once that is recorded; [`AuditLog::crons`] has its progress. Blocks until then.
    ///
    /// # Errors
    /// The viewer may not configure, there is no such job, one is running already, or it cannot be recorded.
    pub fn start_cron(&self, access: &Access, name: &str) -> Result<(), RunError> {
        let run = self.claim(access, name)?;
        let Begun::Going(intent) = run.begin()? else { return Ok(()) };
        let thread = std::thread::Builder::new().name("audit-cleanup".into());
        let finish = move || match run.finish(intent) {
            Err(RunError::Record(RecordError::Closed)) => tracing::info!(
                "the cleanup is interrupted; the next start \
                                                                          continues it"
            ),
            Err(error) => tracing::error!(%error, "the result of the cleanup could not be recorded"),
            Ok(_) => {}
        };
        thread.spawn(finish).map(drop).map_err(RunError::Thread)
    }

    fn claim(&self, access: &Access, name: &str) -> Result<Run, RunError> {
        self.allow(access, Right::Configure, "retention.started")?;
        let cron = self.manifest().crons.iter().find(|cron| cron.name == name);
        let cron = cron.ok_or_else(|| RunError::Unknown(name.chars().take(80).collect()))?;
        Run::claim(&self.0, cron, Some(access))
    }

    /// Runs what is due, signs a checkpoint if one is, and records what was done to tokens on the command line; called by
    /// the log's own threads every second.
    ///
    /// # Errors
    /// The state of the jobs or the tokens cannot be read or recorded, or no checkpoint can be signed.
    pub fn run_due(&self) -> Result<(), RunError> {
        self.sign_due()?;
        run_due(&self.0)
    }

    /// Starts the thread that runs what is due.
    pub(super) fn watch_schedule(&self) -> Result<(), OpenError> {
        let log = Arc::downgrade(&self.0);
        let thread = std::thread::Builder::new().name("audit-schedule".into());
        thread.spawn(move || watch(&log)).map(drop).map_err(OpenError::Thread)
    }
}

/// Runs until the log is dropped.
fn watch(log: &Weak<Inner>) {
    while let Some(log) = log.upgrade() {
        match run_due(&log) {
            Ok(()) => {}
            Err(RunError::Record(RecordError::Closed)) => return,
            Err(error) => tracing::error!(%error, "the schedule could not be read; retrying"),
        }
        drop(log);
        std::thread::park_timeout(TICK);
    }
}

impl Inner {
    /// Gives every job its next slot. A past one stays: it was missed, and will run. One that is later than the
    /// schedule's belongs to another schedule, or to a clock that was ahead.
    pub(super) fn plan_schedule<E: From<StoreError> + From<RecordError>>(&self) -> Result<(), E> {
        let states = self.view.files.crons()?;
        let now = self.view.now();
        let crons = self.view.manifest().crons.iter().filter_map(|cron| {
            let state = states.get(&cron.name).cloned().unwrap_or_default();
            let next_run = state.next_run.into_iter().chain(cron.schedule.next_after(now)).min();
            (next_run != state.next_run).then(|| (cron.name.clone(), CronState { next_run, ..state }))
        });
        let crons: Vec<_> = crons.collect();
        if crons.is_empty() {
            return Ok(());
        }
        Ok(self.recorder.change(StateChange { crons, ..StateChange::default() }, Vec::new())?)
    }
}

fn run_due(log: &Arc<Inner>) -> Result<(), RunError> {
    // The tokens lie in a file of their own, and what is wrong with it keeps no job from running.
    let told = tokens::record_deeds(log);
    run_jobs(log).and(told)
}

fn run_jobs(log: &Arc<Inner>) -> Result<(), RunError> {
    log.plan_schedule::<RunError>()?;
    let states = log.view.files.crons()?;
    let now = log.view.now();
    let is_due = |cron: &Cron| states.get(&cron.name).is_some_and(|state| state.is_due(now));
    for cron in log.view.manifest().crons.iter().filter(|cron| is_due(cron)) {
        let run = match Run::claim(log, cron, None) {
            Err(RunError::Running) => return Ok(()),
            run => run?,
        };
        // Another run may have ended between the two checks.
        if run.state()?.is_due(now)
            && let Begun::Going(intent) = run.begin()?
        {
            run.finish(intent)?;
        }
    }
    Ok(())
}
