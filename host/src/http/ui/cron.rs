//! The scheduled jobs on the settings page, and the button that runs one.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::response::Redirect;
use serde::Deserialize;

use super::text::{Shown, ago, ahead, exact};
use crate::CronStatus;
use crate::http::auth::Visitor;
use crate::http::problem::Problem;
use crate::http::search::encode;
use crate::time::Timestamp;

/// A job as the page shows it.
pub(super) struct Cron {
    pub(super) name: String,
    pub(super) schedule: String,
    pub(super) last: Option<(String, String)>,
    pub(super) next: Option<(String, String)>,
    pub(super) succeeded: Option<bool>,
    pub(super) message: Option<Shown>,
}

impl Cron {
    pub(super) fn new(status: CronStatus, now: Timestamp) -> Self {
        let state = status.state;
        Self {
            name: status.name,
            schedule: status.schedule,
            last: state.last_run.map(|at| (ago(at, now), exact(at))),
            next: state.next_run.map(|at| (ahead(at, now), exact(at))),
            succeeded: state.last_succeeded,
            message: state.last_message.as_deref().map(Shown::line),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    name: String,
}

/// `POST /settings/crons`: runs a job and leads back to the page, which tells how it went.
pub(super) async fn run(visitor: Visitor, sent: Result<Form<Chosen>, FormRejection>) -> Result<Redirect, Problem> {
    let Form(chosen) = sent?;
    let name = chosen.name.clone();
    visitor.ask(move |log, access| Ok(log.run_cron(access, &name)?)).await?;
    Ok(Redirect::to(&format!("{}/settings?ran={}#jobs", visitor.site.base, encode(&chosen.name))))
}
