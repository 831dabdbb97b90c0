//! Legal holds on the settings page, with the forms that place and release them.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::hold;
use mcp_audit_log_contract::hold::NewHold;
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_service::AuditLog;
use serde::Deserialize;
use uuid::Uuid;

use super::page;
use crate::problem::Problem;
use crate::query::extractor::{required, until};
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// The part of the page.
pub(crate) struct Holds {
    /// `None` if the viewer belongs to a tenant, because holds apply to the whole log.
    pub(crate) all: Option<Vec<Hold>>,
    pub(crate) typed: Typed,
}

/// The input of a form that was refused, and the reason.
#[derive(Default)]
pub(crate) struct Typed {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) reason: String,
    pub(crate) error: Option<Shown>,
    /// The hold that was not released; `None` if the refused form would have placed one.
    pub(crate) release: Option<Uuid>,
}

impl Holds {
    /// The holds that the viewer may see.
    pub(crate) fn find(log: &AuditLog, access: &Grant, typed: Typed) -> Result<Self, Problem> {
        let clock = PageClock::new(log.view().now(), access);
        let all = match log.holds(access) {
            Ok(holds) => Some(holds.iter().map(|hold| Hold::new(hold, clock)).collect()),
            Err(ReadError::Denied(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { all, typed })
    }

    /// The refused input of the form that places a hold.
    pub(crate) fn new_hold(&self) -> Option<&Typed> {
        Some(&self.typed).filter(|typed| typed.error.is_some() && typed.release.is_none())
    }

    /// The refused input of the form that releases this hold.
    pub(crate) fn release(&self, hold: &Hold) -> Option<&Typed> {
        Some(&self.typed).filter(|typed| typed.error.is_some() && typed.release == Some(hold.id))
    }
}

/// A hold as the page shows it.
pub(crate) struct Hold {
    pub(crate) id: Uuid,
    pub(crate) from: String,
    pub(crate) to: Option<String>,
    pub(crate) reason: Shown,
    pub(crate) placed: UserAndTime,
    pub(crate) released: Option<(UserAndTime, Shown)>,
}

/// The user, and the time.
pub(crate) struct UserAndTime {
    pub(crate) by: Shown,
    pub(crate) ago: String,
    pub(crate) exact: String,
}

impl UserAndTime {
    fn new(by: &str, at: Timestamp, clock: PageClock) -> Self {
        Self { by: Shown::line(by), ago: clock.ago(at), exact: clock.both(at) }
    }
}

impl Hold {
    pub(crate) fn new(hold: &hold::Hold, clock: PageClock) -> Self {
        let released = hold.released.as_ref();
        Self {
            id: hold.id,
            from: clock.moment(hold.from),
            to: hold.to.map(|to| clock.until(to)),
            reason: Shown::line(&hold.reason),
            placed: UserAndTime::new(&hold.placed_by, hold.placed_at, clock),
            released: released
                .map(|release| (UserAndTime::new(&release.by, release.at, clock), Shown::line(&release.reason))),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    from: String,
    #[serde(default)]
    to: String,
    reason: String,
}

/// `POST /settings/holds`: places a hold. Errors are shown beside the form, which keeps its input.
pub(crate) async fn place(visitor: Visitor, sent: Result<Form<Wanted>, FormRejection>) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "hold.placed")?;
    let Form(Wanted { from, to, reason }) = sent?;
    let to_given = Some(&to).filter(|to| !to.trim().is_empty());
    let zone = visitor.access.zone();
    let read = || Ok((required("From", &from, zone)?, to_given.map(|to| until("Until", to, zone)).transpose()?));
    let placed = match read() {
        Ok((from, to)) => {
            let wanted = NewHold { to, ..NewHold::new(from, &reason) };
            visitor.change(move |log, access| Ok(log.place_hold(access, wanted)?)).await
        }
        Err(problem) => Err(problem),
    };
    let typed = Typed { from, to, reason, ..Typed::default() };
    answer(visitor, placed.map(drop), "placed", typed).await
}

#[derive(Deserialize)]
pub(crate) struct Ended {
    id: Uuid,
    reason: String,
}

/// `POST /settings/holds/release`: releases a hold.
pub(crate) async fn release(visitor: Visitor, sent: Result<Form<Ended>, FormRejection>) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "hold.released")?;
    let Form(Ended { id, reason }) = sent?;
    let typed = Typed { reason: reason.clone(), release: Some(id), ..Typed::default() };
    let released = visitor.change(move |log, access| Ok(log.release_hold(access, id, &reason)?)).await;
    answer(visitor, released.map(drop), "released", typed).await
}

async fn answer(visitor: Visitor, done: Result<(), Problem>, word: &str, typed: Typed) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("{}/settings?hold={word}#holds", visitor.site.base)).into_response()),
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let typed = Typed { error: Some(Shown::line(problem.detail())), ..typed };
            page::page(visitor, problem.status(), None, typed.into()).await
        }
        Err(problem) => Err(problem),
    }
}
