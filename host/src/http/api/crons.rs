//! `/api/v1/crons`: the scheduled jobs, and running one now.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde::Serialize;

use super::super::auth::Visitor;
use super::super::problem::Problem;
use crate::schedule::CronState;
use crate::time::Timestamp;

/// The jobs.
#[derive(Serialize)]
pub(super) struct Crons {
    crons: Vec<Cron>,
}

#[derive(Serialize)]
struct Cron {
    name: String,
    /// In cron syntax, UTC.
    schedule: String,
    #[serde(flatten)]
    state: State,
}

/// How a job stands.
#[derive(Serialize)]
pub(super) struct State {
    next_run: Option<Timestamp>,
    last_run: Option<Timestamp>,
    last_succeeded: Option<bool>,
    last_message: Option<String>,
}

impl From<CronState> for State {
    fn from(CronState { next_run, last_run, last_succeeded, last_message }: CronState) -> Self {
        Self { next_run, last_run, last_succeeded, last_message }
    }
}

/// `GET`: all jobs.
pub(super) async fn list(visitor: Visitor) -> Result<Json<Crons>, Problem> {
    let crons = visitor.ask(|log, access| Ok(log.crons(access)?)).await?;
    let crons =
        crons.into_iter().map(|cron| Cron { name: cron.name, schedule: cron.schedule, state: cron.state.into() });
    Ok(Json(Crons { crons: crons.collect() }))
}

/// `POST …/{name}/run`: runs one and answers when it is done.
pub(super) async fn run(visitor: Visitor, name: Result<Path<String>, PathRejection>) -> Result<Json<State>, Problem> {
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    visitor.ask(move |log, access| Ok(log.run_cron(access, &name)?)).await.map(|state| Json(state.into()))
}
