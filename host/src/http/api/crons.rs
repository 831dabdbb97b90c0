//! `/api/v1/crons`: the scheduled jobs, how far one is that runs, and starting one now.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use serde::Serialize;

use super::super::auth::Visitor;
use super::super::problem::Problem;
use crate::time::Timestamp;
use crate::{CleanupProgress, CronStatus};

/// The jobs.
#[derive(Serialize)]
pub(super) struct Crons {
    crons: Vec<Cron>,
}

/// A job.
#[derive(Serialize)]
pub(super) struct Cron {
    name: String,
    /// In cron syntax, UTC.
    schedule: String,
    next_run: Option<Timestamp>,
    last_run: Option<Timestamp>,
    last_succeeded: Option<bool>,
    last_message: Option<String>,
    /// Null while it does not run.
    running: Option<Running>,
}

/// How far a run is.
#[derive(Serialize)]
struct Running {
    since: Timestamp,
    entries_removed: u64,
    payloads_removed: u64,
    /// An estimate, made when the run began.
    entries_expected: u64,
}

impl From<CronStatus> for Cron {
    fn from(CronStatus { name, schedule, state, progress }: CronStatus) -> Self {
        Self {
            name,
            schedule,
            next_run: state.next_run,
            last_run: state.last_run,
            last_succeeded: state.last_succeeded,
            last_message: state.last_message,
            running: progress.map(Running::from),
        }
    }
}

impl From<CleanupProgress> for Running {
    fn from(CleanupProgress { began, entries, payloads, expected }: CleanupProgress) -> Self {
        Self { since: began, entries_removed: entries, payloads_removed: payloads, entries_expected: expected }
    }
}

/// `GET`: all jobs.
pub(super) async fn list(visitor: Visitor) -> Result<Json<Crons>, Problem> {
    let crons = visitor.ask(|log, access| Ok(log.crons(access)?)).await?;
    Ok(Json(Crons { crons: crons.into_iter().map(Cron::from).collect() }))
}

/// `POST …/{name}/run`: starts one and answers with how it stands; the list says how far it is.
pub(super) async fn run(
    visitor: Visitor,
    name: Result<Path<String>, PathRejection>,
) -> Result<(StatusCode, Json<Option<Cron>>), Problem> {
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let started = visitor.ask(move |log, access| {
        log.start_cron(access, &name)?;
        Ok(log.crons(access)?.into_iter().find(|cron| cron.name == name))
    });
    Ok((StatusCode::ACCEPTED, Json(started.await?.map(Cron::from))))
}
