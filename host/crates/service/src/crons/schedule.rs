//! Checks when scheduled jobs are due, and starts a job by hand.

use std::sync::{Arc, Weak};
use std::time::Duration;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::manifest::{Cron, Job};
use mcp_audit_log_core::recorder::{RecordError, RecorderControl, StateChange};
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::schedule::CronState;

use super::job;
use super::run::{JobProgress, Run};
use crate::{AuditLog, Inner, OpenError, RunError, tokens};

/// How often the schedule is checked.
const TICK: Duration = Duration::from_secs(1);

/// A scheduled job and its state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CronStatus {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub job: Job,
    /// Its schedule in cron syntax, UTC.
    pub schedule: String,
    /// Last and next run.
    pub state: CronState,
    /// How far it is, while it runs.
    pub progress: Option<JobProgress>,
}

impl AuditLog {
    /// The scheduled jobs.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify, or the store fails.
    pub fn crons(&self, access: &Grant) -> Result<Vec<CronStatus>, RunError> {
        access.require_oversight()?;
        // Before the states: a run that is no longer seen here has left its result there.
        let running = self.0.running().clone();
        let mut states = self.0.view.files.crons()?;
        let status = |cron: &Cron| CronStatus {
            name: cron.name.clone(),
            job: cron.job,
            schedule: cron.schedule.to_string(),
            state: states.remove(&cron.name).unwrap_or_default(),
            progress: running.as_ref().filter(|(name, _)| *name == cron.name).map(|(_, progress)| *progress),
        };
        Ok(self.view().manifest().crons.iter().map(status).collect())
    }

    /// Runs a job now and returns its state; blocks until it is done.
    ///
    /// # Errors
    /// The viewer may not configure, there is no such job, one is running already, or the store fails.
    pub fn run_cron(&self, access: &Grant, name: &str) -> Result<CronState, RunError> {
        let mut run = self.claim(access, name)?;
        match run.begin()? {
            None => run.finish(),
            Some(over) => Ok(over),
        }
    }

    /// Starts a job and returns after the start is recorded; [`AuditLog::crons`] returns its progress. Blocks until
    /// then.
    ///
    /// # Errors
    /// The viewer may not configure, there is no such job, one is running already, or it cannot be recorded.
    pub fn start_cron(&self, access: &Grant, name: &str) -> Result<(), RunError> {
        let mut run = self.claim(access, name)?;
        if run.begin()?.is_some() {
            return Ok(());
        }
        let thread = std::thread::Builder::new().name("audit-job".into());
        let finish = move || match run.finish() {
            Err(RunError::Record(RecordError::Closed)) => {
                tracing::info!("a scheduled job is interrupted; the next start continues it");
            }
            Err(error) => tracing::error!(%error, "the result of a scheduled job could not be recorded"),
            Ok(_) => {}
        };
        thread.spawn(finish).map(drop).map_err(RunError::Thread)
    }

    fn claim(&self, access: &Grant, name: &str) -> Result<Run, RunError> {
        let manifest = self.view().manifest();
        let crons = &manifest.crons;
        let found = crons.iter().find(|cron| cron.name == name);
        let action = found.map_or("cron.started", |cron| job(cron.job).started());
        self.allow(access, Right::Configure, action)?;
        let cron = found.ok_or_else(|| RunError::Unknown {
            name: prefix(name, 80).to_owned(),
            known: crons.iter().map(|cron| cron.name.clone()).collect(),
        })?;
        Run::claim(&self.0, cron, Some(access))
    }

    /// Runs due jobs, signs a due checkpoint, and records changes of tokens from the command line. The log's own
    /// threads call it every second.
    ///
    /// # Errors
    /// The state of the jobs or the tokens cannot be read or recorded, or no checkpoint can be signed.
    pub fn run_due(&self) -> Result<(), RunError> {
        self.sign_due()?;
        run_due(&self.0)
    }

    /// Starts the thread that runs due jobs.
    pub(crate) fn watch_schedule(&self) -> Result<(), OpenError> {
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
    /// Gives every job its next slot. A past slot stays: it was missed, and the job will run. A slot later than the
    /// schedule's belongs to another schedule, or to a clock that was ahead.
    pub(crate) fn plan_schedule<E: From<StoreError> + From<RecordError>>(&self) -> Result<(), E> {
        let states = self.view.files.crons()?;
        let now = self.view.now();
        let manifest = self.view.manifest();
        let crons = manifest.crons.iter().filter_map(|cron| {
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
    let told = tokens::record_changes(log);
    run_jobs(log).and(told)
}

fn run_jobs(log: &Arc<Inner>) -> Result<(), RunError> {
    log.plan_schedule::<RunError>()?;
    let states = log.view.files.crons()?;
    let now = log.view.now();
    let is_due = |cron: &Cron| states.get(&cron.name).is_some_and(|state| state.is_due(now));
    for cron in log.view.manifest().crons.iter().filter(|cron| is_due(cron)) {
        let mut run = match Run::claim(log, cron, None) {
            Err(RunError::Running) => return Ok(()),
            run => run?,
        };
        // Another run may have ended between the two checks.
        if run.state()?.is_due(now) && run.begin()?.is_none() {
            run.finish()?;
        }
    }
    Ok(())
}
