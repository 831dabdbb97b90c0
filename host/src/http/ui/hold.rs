//! Legal holds on the settings page, and the forms that place and release one.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::response::Redirect;
use serde::Deserialize;
use uuid::Uuid;

use super::text::{Shown, ago, exact, moment};
use crate::access::Right;
use crate::hold::{self, NewHold};
use crate::http::auth::Visitor;
use crate::http::moment::{optional, required};
use crate::http::problem::Problem;
use crate::time::Timestamp;

/// A hold as the page shows it.
pub(super) struct Hold {
    pub(super) id: Uuid,
    pub(super) from: String,
    pub(super) to: Option<String>,
    pub(super) reason: Shown,
    pub(super) placed: Told,
    pub(super) released: Option<(Told, Shown)>,
}

/// Who did something, and when.
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

/// `POST /settings/holds`: places a hold.
pub(super) async fn place(visitor: Visitor, sent: Result<Form<Wanted>, FormRejection>) -> Result<Redirect, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "hold.placed")?;
    let Form(Wanted { from, to, reason }) = sent?;
    let (from, to) = (required("From", &from)?, optional("Until", Some(&to))?);
    visitor.ask(move |log, access| Ok(log.place_hold(access, NewHold { from, to, reason })?)).await?;
    Ok(back(&visitor, "placed"))
}

#[derive(Deserialize)]
pub(super) struct Ended {
    id: Uuid,
    reason: String,
}

/// `POST /settings/holds/release`: releases one.
pub(super) async fn release(visitor: Visitor, sent: Result<Form<Ended>, FormRejection>) -> Result<Redirect, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "hold.released")?;
    let Form(Ended { id, reason }) = sent?;
    visitor.ask(move |log, access| Ok(log.release_hold(access, id, &reason)?)).await?;
    Ok(back(&visitor, "released"))
}

fn back(visitor: &Visitor, done: &str) -> Redirect {
    Redirect::to(&format!("{}/settings?hold={done}#holds", visitor.site.base))
}
