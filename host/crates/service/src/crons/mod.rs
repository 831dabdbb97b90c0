//! Scheduled jobs. A policy's cron names a [`Job`] of the host: `schedule.rs` finds what is due, `run.rs` runs it, and each
//! job is a file beside them.

mod retention;
mod run;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

use mcp_audit_log_contract::manifest::{Cron, Job as JobName};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::time::Timestamp;

use super::Inner;

pub use run::{CleanupProgress, JobProgress};
pub use schedule::CronStatus;

/// The job that a cron names: a line for each file.
fn job(name: JobName) -> Box<dyn Job> {
    match name {
        JobName::Retention => Box::<retention::Retention>::default(),
    }
}

/// What a cron runs. One job runs at a time, on a thread that may block; the schedule, the state that is remembered, and
/// repeating a run that was cut off are not its business.
trait Job: Send {
    /// The action of the entry that announces a run; a refused start is recorded under it.
    fn started(&self) -> &'static str;

    /// Decides what to do. An entry that is returned is stored before the first step, so that no crash hides what was
    /// about to be done.
    ///
    /// # Errors
    /// A sentence for the operator: the run cannot start, so it has failed.
    fn plan(&mut self, at: &JobContext) -> Result<Option<Event>, String>;

    /// Does a part of it. Steps are short, so that other work of the log has its turn between them.
    ///
    /// # Errors
    /// A sentence for the operator: the run cannot continue, so it has failed.
    fn step(&mut self, at: &JobContext) -> Result<Step, String>;

    /// Reports how the run ended: `failed` is the sentence of a plan or a step.
    fn report(&self, at: &JobContext, failed: Option<&str>) -> Report;
}

/// What is left after a step.
enum Step {
    /// Nothing.
    Done,
    /// More, after a rest of this length.
    Rest(Duration),
}

/// How a run ended.
struct Report {
    /// The entry about it.
    event: Event,
    /// The same for the operator, in a sentence.
    message: String,
}

/// A run, as its job sees it. A job that counts entries reads them by `log.view.reader(&crate::open::own_access())`; only
/// figures may leave it, because no viewer's rights cut what it reads. `log.event(…)` makes its entry.
struct JobContext {
    log: Arc<Inner>,
    cron: Cron,
    /// When the run began.
    began: Timestamp,
}
