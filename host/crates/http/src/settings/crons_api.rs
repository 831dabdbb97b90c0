//! `/api/v1/crons`: lists the scheduled jobs with the progress of a running one, and starts a job.

use axum::Json;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_service::{CleanupProgress, CronStatus, JobProgress};
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::Accepted;
use crate::openapi::extractors::Name;
use crate::problem::Problem;
use crate::session::auth::Visitor;

/// The jobs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Crons {
    crons: Vec<Cron>,
}

/// A job.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Cron {
    name: String,
    /// What it runs: `retention` is the cleanup.
    job: &'static str,
    /// In cron syntax, UTC.
    schedule: String,
    next_run: Option<Timestamp>,
    last_run: Option<Timestamp>,
    last_succeeded: Option<bool>,
    last_message: Option<String>,
    /// Null while it does not run.
    running: Option<Running>,
}

/// The progress of a run.
#[derive(Serialize, JsonSchema)]
struct Running {
    since: Timestamp,
    /// Null for jobs that remove nothing, as are the two below.
    entries_removed: Option<u64>,
    payloads_removed: Option<u64>,
    /// An estimate, made when the run began.
    entries_expected: Option<u64>,
}

impl From<CronStatus> for Cron {
    fn from(CronStatus { name, job, schedule, state, progress, .. }: CronStatus) -> Self {
        Self {
            name,
            job: job.as_str(),
            schedule,
            next_run: state.next_run,
            last_run: state.last_run,
            last_succeeded: state.last_succeeded,
            last_message: state.last_message,
            running: progress.map(Running::from),
        }
    }
}

impl From<JobProgress> for Running {
    fn from(JobProgress { began, cleanup, .. }: JobProgress) -> Self {
        let of = |figure: fn(CleanupProgress) -> u64| cleanup.map(figure);
        Self {
            since: began,
            entries_removed: of(|cleanup| cleanup.entries),
            payloads_removed: of(|cleanup| cleanup.payloads),
            entries_expected: of(|cleanup| cleanup.expected),
        }
    }
}

/// `GET`: all jobs.
pub(crate) async fn list(visitor: Visitor) -> Result<Json<Crons>, Problem> {
    let crons = visitor.search(|log, access| Ok(log.crons(access)?)).await?;
    Ok(Json(Crons { crons: crons.into_iter().map(Cron::from).collect() }))
}

/// `POST …/{name}/run`: starts a job and returns its state; the list shows its progress.
pub(crate) async fn run(visitor: Visitor, Name(name): Name) -> Result<Accepted<Option<Cron>>, Problem> {
    let started = visitor.change(move |log, access| {
        log.start_cron(access, &name)?;
        Ok(log.crons(access)?.into_iter().find(|cron| cron.name == name))
    });
    Ok(Accepted(started.await?.map(Cron::from)))
}
