//! Scheduled jobs: when they are due, and their runs. Only one runs at a time; it records what it will do, and the
//! result.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mcp_audit_log_contract::access::{Denied, Grant, GrantInternals, Right};
use mcp_audit_log_contract::manifest::{Cron, Job};
use mcp_audit_log_core::recorder::{RecordError, RecorderControl, StateChange};
use mcp_audit_log_core::retention;
use mcp_audit_log_core::retention::{CleanupIntent, CleanupReport};
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_store::TokenError;

use super::open::counted;
use super::{AuditLog, Inner, OpenError, SignError, tokens};

/// How often the schedule is checked.
const TICK: Duration = Duration::from_secs(1);

/// A scheduled job and its state.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    #[error("unknown scheduled job {name:?}; the jobs are {}", .known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
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
    pub fn crons(&self, access: &Grant) -> Result<Vec<CronStatus>, RunError> {
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
        Ok(self.view().manifest().crons.iter().map(status).collect())
    }

    /// Runs a job now and returns its state; blocks until it is done.
    ///
    /// # Errors
    /// The viewer may not configure, there is no such job, one is running already, or the store fails.
    pub fn run_cron(&self, access: &Grant, name: &str) -> Result<CronState, RunError> {
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
    pub fn start_cron(&self, access: &Grant, name: &str) -> Result<(), RunError> {
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

    fn claim(&self, access: &Grant, name: &str) -> Result<Run, RunError> {
        self.allow(access, Right::Configure, "retention.started")?;
        let crons = &self.view().manifest().crons;
        let cron = crons.iter().find(|cron| cron.name == name).ok_or_else(|| RunError::Unknown {
            name: prefix(name, 80).to_owned(),
            known: crons.iter().map(|cron| cron.name.clone()).collect(),
        })?;
        Run::claim(&self.0, cron, Some(access))
    }

    /// Runs what is due, signs a checkpoint if one is, and records what was done to tokens on the command line; called
    /// by the log's own threads every second.
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
    by: Option<Grant>,
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
    pub(super) fn claim(inner: &Arc<Inner>, cron: &Cron, by: Option<&Grant>) -> Result<Self, RunError> {
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

    /// Does it; blocks until it is done. What is about to go, and the intent to remove it, are signed before, and
    /// published where that is configured.
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
