//! A run of a job: only one at a time; it records what the job will do, and the result.

use std::sync::{Arc, MutexGuard, PoisonError};

use mcp_audit_log_contract::access::{Grant, GrantInternals};
use mcp_audit_log_contract::manifest::Cron;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;

use super::{Job, JobContext, Report, Step, job};
use crate::{Inner, RunError};

/// The progress of a running job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobProgress {
    /// When it began.
    pub began: Timestamp,
    /// What a cleanup has removed; absent for other jobs, and until it has a plan.
    pub cleanup: Option<CleanupProgress>,
}

/// The progress of a running cleanup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupProgress {
    /// Entries removed so far.
    pub entries: u64,
    /// Payloads removed so far.
    pub payloads: u64,
    /// The number of entries to remove, estimated at its start.
    pub expected: u64,
}

/// The right to run a job, held during the run. If it is dropped halfway, the log remembers the interrupted run and
/// repeats it at the next check of the schedule.
pub(super) struct Run {
    at: JobContext,
    job: Box<dyn Job>,
    /// The viewer who started it; `None`: the schedule.
    by: Option<Grant>,
}

impl Run {
    /// Claims the right to run, without starting the job.
    ///
    /// # Errors
    /// A job is running already.
    pub(super) fn claim(log: &Arc<Inner>, cron: &Cron, by: Option<&Grant>) -> Result<Self, RunError> {
        let began = log.view.now();
        let mut running = log.running();
        if running.is_some() {
            return Err(RunError::Running);
        }
        *running = Some((cron.name.clone(), JobProgress { began, cleanup: None }));
        drop(running);
        let at = JobContext { log: Arc::clone(log), cron: cron.clone(), began };
        Ok(Self { at, job: job(cron.job), by: by.cloned() })
    }

    /// The stored state of the job.
    pub(super) fn state(&self) -> Result<CronState, RunError> {
        Ok(self.at.log.view.files.crons()?.remove(&self.at.cron.name).unwrap_or_default())
    }

    /// Decides what to do and records it: when this returns, a crash cannot lose the run. The state, if the run is over
    /// because there is nothing that can be done.
    pub(super) fn begin(&mut self) -> Result<Option<CronState>, RunError> {
        let announced = match self.job.plan(&self.at) {
            Ok(announced) => announced,
            Err(error) => return self.end(Some(&error)).map(Some),
        };
        let before = self.state()?;
        let is_resumed = before.running_since.is_some();
        let announced = announced.map(|event| if is_resumed { event.fact("resumed", true) } else { event });
        let next_run = self.at.cron.schedule.next_after(self.at.began);
        self.record(CronState { next_run, running_since: Some(self.at.began), ..before }, announced)?;
        Ok(None)
    }

    /// Does it; blocks until it is done.
    pub(super) fn finish(mut self) -> Result<CronState, RunError> {
        loop {
            match self.job.step(&self.at) {
                Ok(Step::Rest(pause)) => std::thread::sleep(pause),
                Ok(Step::Done) => return self.end(None),
                Err(error) => return self.end(Some(&error)),
            }
        }
    }

    fn end(&self, failed: Option<&str>) -> Result<CronState, RunError> {
        let Report { event, message } = self.job.report(&self.at, failed);
        let result = if failed.is_some() { Err(message) } else { Ok(message) };
        let state = CronState::after_run(&self.at.cron.schedule, self.at.began, &result);
        self.record(state.clone(), Some(event))?;
        let cron = &self.at.cron.name;
        match result {
            Ok(message) => tracing::info!(cron, "{message}"),
            Err(error) => tracing::error!(cron, %error, "a scheduled job failed; the next run is at its next slot"),
        }
        Ok(state)
    }

    /// Stores the state together with the entry about it.
    fn record(&self, state: CronState, event: Option<Event>) -> Result<(), RunError> {
        let event = event.map(|event| {
            let event = event.fact("manual", self.by.is_some());
            match &self.by {
                Some(by) => event.by_actor(by.actor(), by.viewer().instance.as_deref()),
                None => event,
            }
        });
        let crons = vec![(self.at.cron.name.clone(), state)];
        let change = StateChange { crons, ..StateChange::default() };
        Ok(self.at.log.recorder.change(change, event.into_iter().collect())?)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        *self.at.log.running() = None;
    }
}

impl JobContext {
    /// Shows how far the cleanup is.
    pub(super) fn show(&self, progress: CleanupProgress) {
        *self.log.running() =
            Some((self.cron.name.clone(), JobProgress { began: self.began, cleanup: Some(progress) }));
    }
}

impl Inner {
    /// The running job and its progress.
    pub(super) fn running(&self) -> MutexGuard<'_, Option<(String, JobProgress)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditLog, Options};
    use mcp_audit_log_contract::manifest::Job as JobName;
    use mcp_audit_log_filter::Domain;
    use mcp_audit_log_model::schedule::Schedule;

    use crate::open::own_access;

    /// Counts the entries that there are, in three steps.
    #[derive(Default)]
    struct Counting {
        steps: usize,
        entries: usize,
    }

    impl Job for Counting {
        fn started(&self) -> &'static str {
            "count.started"
        }

        fn plan(&mut self, at: &JobContext) -> Result<Option<Event>, String> {
            Ok(Some(at.log.event("count.started")))
        }

        fn step(&mut self, at: &JobContext) -> Result<Step, String> {
            let own = own_access();
            let page = at.log.view.reader(&own).page(Domain::TRUE, None, 100).map_err(|error| error.to_string())?;
            (self.steps, self.entries) = (self.steps + 1, page.entries.len());
            Ok(if self.steps < 3 { Step::Rest(std::time::Duration::ZERO) } else { Step::Done })
        }

        fn report(&self, at: &JobContext, failed: Option<&str>) -> Report {
            let event = at.log.event("count.completed").fact("steps", self.steps as i64);
            Report { event, message: failed.map_or(format!("{} entries", self.entries), ToOwned::to_owned) }
        }
    }

    fn claim(log: &AuditLog) -> Run {
        let schedule = Schedule::parse("0 0 1 1 *").expect("a schedule");
        let cron = Cron { name: "Count".into(), schedule, job: JobName::Retention };
        let mut run = Run::claim(&log.0, &cron, None).expect("no job runs");
        run.job = Box::<Counting>::default();
        run
    }

    fn methods(log: &AuditLog) -> Vec<String> {
        let own = own_access();
        let page = log.view().reader(&own).page(Domain::TRUE, None, 100).expect("a page");
        let method = |entry: &mcp_audit_log_model::entry::Entry| {
            entry.text(mcp_audit_log_model::field::Field::Method).unwrap_or_default().to_owned()
        };
        page.entries.iter().rev().map(method).collect()
    }

    #[test]
    fn any_job_is_announced_run_in_steps_and_reported_and_repeated_where_it_was_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).own_schedule().open().expect("a log");
        let mut cut_off = claim(&log);
        assert!(cut_off.begin().expect("recorded").is_none(), "it goes on");
        assert!(matches!(Run::claim(&log.0, &cut_off.at.cron, None), Err(RunError::Running)), "one at a time");
        drop(cut_off);
        let mut run = claim(&log);
        let progress = log.0.running().as_ref().map(|(cron, progress)| (cron.clone(), progress.cleanup));
        assert_eq!(progress, Some(("Count".to_owned(), None)), "what is not a cleanup removes nothing");
        assert!(run.state().expect("a state").is_due(log.view().now()), "a run that was cut off is repeated at once");
        assert!(run.begin().expect("recorded").is_none(), "it goes on");
        let state = run.finish().expect("recorded");
        assert_eq!((state.last_succeeded, state.last_message.as_deref()), (Some(true), Some("3 entries")));
        assert!(!state.is_due(log.view().now()) && log.0.running().is_none(), "it is over");
        assert_eq!(methods(&log), ["log.started", "count.started", "count.started", "count.completed"]);
    }
}
