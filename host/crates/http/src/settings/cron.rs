//! The scheduled jobs on the settings page, and the button that runs one.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::manifest;
use mcp_audit_log_contract::manifest::Job;
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::{CleanupProgress, CronStatus, JobProgress, RunError};
use serde::Deserialize;

use super::confirm;
use crate::problem::Problem;
use crate::query::search::encode;
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// A job as the page shows it.
pub(crate) struct Cron {
    pub(crate) name: String,
    pub(crate) job: Job,
    pub(crate) schedule: String,
    pub(crate) last: Option<(String, String)>,
    pub(crate) next: Option<(String, String)>,
    pub(crate) succeeded: Option<bool>,
    pub(crate) message: Option<Shown>,
    /// The progress, while it runs.
    pub(crate) running: Option<String>,
}

impl Cron {
    pub(crate) fn new(status: CronStatus, clock: PageClock) -> Self {
        let state = status.state;
        Self {
            name: status.name,
            job: status.job,
            schedule: status.schedule,
            last: state.last_run.map(|at| (clock.ago(at), clock.both(at))),
            next: state.next_run.map(|at| (clock.ahead(at), clock.both(at))),
            succeeded: state.last_succeeded,
            message: state.last_message.as_deref().map(Shown::line),
            running: status.progress.map(|JobProgress { began, cleanup, .. }| running(&clock.ago(began), cleanup)),
        }
    }
}

/// The estimate is left out if entries recorded later made it wrong.
fn running(began: &str, cleanup: Option<CleanupProgress>) -> String {
    let started = format!("started {began}");
    let Some(cleanup) = cleanup else { return started };
    let of = match cleanup.expected {
        expected if expected > cleanup.entries => format!(" of about {}", count(expected)),
        _ => String::new(),
    };
    let (entries, payloads) = (count(cleanup.entries), count(cleanup.payloads));
    format!("{entries}{of} entries and {payloads} payloads removed, {started}")
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    name: String,
    /// Set by the page that asks before a cleanup deletes something.
    confirmed: Option<String>,
}

/// `POST /settings/crons`: starts a job and redirects to the page, which shows its progress. A job that already runs
/// counts as started. A cleanup that would delete something is started after a question.
pub(crate) async fn run(visitor: Visitor, sent: Result<Form<Chosen>, FormRejection>) -> Result<Response, Problem> {
    let Form(chosen) = sent?;
    let deletes = |cron: &manifest::Cron| cron.name == chosen.name && cron.job == Job::Retention;
    let asks = chosen.confirmed.is_none() && visitor.site.log.view().manifest().crons.iter().any(deletes);
    if asks && let Some(preview) = confirm::anything_is_removed(&visitor).await? {
        return Ok(confirm::run(&visitor, &preview, &chosen.name));
    }
    let name = chosen.name.clone();
    let start = visitor.change(move |log, access| match log.start_cron(access, &name) {
        Ok(()) => Ok("ran"),
        Err(RunError::Running) => Ok("runs"),
        Err(error) => Err(error.into()),
    });
    let done = start.await?;
    let address = format!("{}/settings?{done}={}#jobs", visitor.site.base, encode(&chosen.name));
    Ok(Redirect::to(&address).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_job_shows_its_progress() {
        let told = |cleanup| running("5 s ago", cleanup);
        let cleanup = CleanupProgress { entries: 12_000, payloads: 7, expected: 90_000 };
        let removed = "12\u{202f}000 of about 90\u{202f}000 entries and 7 payloads removed, started 5 s ago";
        assert_eq!(told(Some(cleanup)), removed);
        let more = CleanupProgress { expected: 11_000, ..cleanup };
        assert!(!told(Some(more)).contains("of about"), "an estimate that was too low is left out");
        assert_eq!(told(None), "started 5 s ago", "another job removes nothing");
    }
}
