//! Legal holds on the settings page, with the forms that place and release them.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::settings;
use super::text::{Shown, ago, exact, moment};
use crate::AuditLog;
use crate::access::{Access, Right};
use crate::hold::{self, NewHold};
use crate::http::auth::Visitor;
use crate::http::moment::{optional, required};
use crate::http::problem::Problem;
use crate::reader::ReadError;
use crate::time::Timestamp;

/// The part of the page.
pub(super) struct Holds {
    /// `None` where the viewer belongs to one instance: they are the whole log's.
    pub(super) all: Option<Vec<Hold>>,
    pub(super) typed: Typed,
}

/// What was typed into one of the forms and refused, and why.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
    pub(super) error: Option<Shown>,
    /// The hold that was not released; `None`: one was not placed.
    pub(super) release: Option<Uuid>,
}

impl Holds {
    /// The holds that the viewer may see.
    pub(super) fn find(log: &AuditLog, access: &Access, typed: Typed) -> Result<Self, Problem> {
        let all = match log.holds(access) {
            Ok(holds) => Some(holds.iter().map(|hold| Hold::new(hold, log.now())).collect()),
            Err(ReadError::Denied(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { all, typed })
    }

    /// What was typed where a hold is placed.
    pub(super) fn new_hold(&self) -> Option<&Typed> {
        Some(&self.typed).filter(|typed| typed.error.is_some() && typed.release.is_none())
    }

    /// What was typed where this hold is released.
    pub(super) fn release(&self, hold: &Hold) -> Option<&Typed> {
        Some(&self.typed).filter(|typed| typed.error.is_some() && typed.release == Some(hold.id))
    }
}

/// A hold as the page shows it.
pub(super) struct Hold {
    pub(super) id: Uuid,
    pub(super) from: String,
    pub(super) to: Option<String>,
    pub(super) reason: Shown,
    pub(super) placed: Told,
    pub(super) released: Option<(Told, Shown)>,
}

/// The user, and the time.
pub(super) struct Told {
    pub(super) by: Shown,
    pub(super) ago: String,
    pub(super) exact: String,
}

impl Told {
    fn new(by: &str, at: Timestamp, now: Timestamp) -> Self {
        Self { by: Shown::line(by), ago: ago(at, now), exact: exact(at) }
    }
}

impl Hold {
    pub(super) fn new(hold: &hold::Hold, now: Timestamp) -> Self {
        let released = hold.released.as_ref();
        Self {
            id: hold.id,
            from: moment(hold.from),
            to: hold.to.map(moment),
            reason: Shown::line(&hold.reason),
            placed: Told::new(&hold.placed_by, hold.placed_at, now),
            released: released.map(|release| (Told::new(&release.by, release.at, now), Shown::line(&release.reason))),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    from: String,
    #[serde(default)]
    to: String,
    reason: String,
}

/// `POST /settings/holds`: places a hold. Errors are shown beside the form, which keeps its input.
pub(super) async fn place(visitor: Visitor, sent: Result<Form<Wanted>, FormRejection>) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "hold.placed")?;
    let Form(Wanted { from, to, reason }) = sent?;
    let read = || Ok((required("From", &from)?, optional("Until", Some(&to))?));
    let placed = match read() {
        Ok((from, to)) => {
            let wanted = NewHold { from, to, reason: reason.clone() };
            visitor.change(move |log, access| Ok(log.place_hold(access, wanted)?)).await
        }
        Err(problem) => Err(problem),
    };
    let typed = Typed { from, to, reason, ..Typed::default() };
    answer(visitor, placed.map(drop), "placed", typed).await
}

#[derive(Deserialize)]
pub(super) struct Ended {
    id: Uuid,
    reason: String,
}

/// `POST /settings/holds/release`: releases one.
pub(super) async fn release(visitor: Visitor, sent: Result<Form<Ended>, FormRejection>) -> Result<Response, Problem> {
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
            settings::page(visitor, problem.status(), None, typed.into()).await
        }
        Err(problem) => Err(problem),
    }
}
