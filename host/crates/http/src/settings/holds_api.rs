//! `/api/v1/holds`: legal holds. Reading needs the right to configure or to verify; placing and releasing need the
//! right to configure.

use axum::Json;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::hold::{Hold, LONGEST_REASON, NewHold, held_from};
use mcp_audit_log_model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::openapi::Created;
use crate::openapi::extractors::Id;
use crate::openapi::extractors::{Sendable, Sent};
use crate::problem::Problem;
use crate::query::extractor;
use crate::query::extractor::Moment;
use crate::session::auth::Visitor;

/// The effect of a hold, for readers without the manual.
const NOTE: &str = "While a hold is in force, the cleanup stops at the first entry recorded at or after its start. \
                    The cleanup removes the oldest entries first, so entries after the end of the hold stay as well.";

/// The holds.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Holds {
    holds: Vec<Hold>,
    /// The start of the earliest hold in force; null: nothing is held.
    cleanup_stops_at: Option<Timestamp>,
    note: &'static str,
}

/// A hold to place.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewHold")]
pub(crate) struct Wanted {
    /// The start, inclusive, by the time of recording: RFC 3339, or a date in UTC.
    #[schemars(with = "Moment")]
    from: String,
    /// The end, by the time of recording: before this time, and a date includes that day. By default no end.
    #[serde(default)]
    #[schemars(with = "Option<Moment>")]
    to: Option<String>,
    /// Why it is placed.
    #[schemars(length(min = 1, max = LONGEST_REASON))]
    reason: String,
}

/// Why a hold is released.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    #[schemars(length(min = 1, max = LONGEST_REASON))]
    pub(crate) reason: String,
}

impl Sendable for Wanted {
    const EXAMPLE: &'static str = "{\"from\": \"2026-01-01\", \"to\": null, \"reason\": \"case 7\"}";
}

impl Sendable for Reason {
    const EXAMPLE: &'static str = "{\"reason\": \"the case is closed\"}";
}

/// `GET`: all holds, newest first.
pub(crate) async fn list(visitor: Visitor) -> Result<Json<Holds>, Problem> {
    let holds = visitor.search(|log, access| Ok(log.holds(access)?)).await?;
    Ok(Json(Holds { cleanup_stops_at: held_from(&holds), holds, note: NOTE }))
}

/// `POST`: places one.
pub(crate) async fn place(visitor: Visitor, sent: Sent<Wanted>) -> Result<Created<Hold>, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "hold.placed")?;
    let Wanted { from, to, reason } = sent.read()?;
    let zone = visitor.access.zone();
    let (from, to) =
        (extractor::required("from", &from, zone)?, to.map(|to| extractor::until("to", &to, zone)).transpose()?);
    let hold = visitor
        .change(move |log, access| Ok(log.place_hold(access, NewHold { to, ..NewHold::new(from, reason) })?))
        .await?;
    Ok(Created(hold))
}

/// `POST …/{id}/release`: releases a hold.
pub(crate) async fn release(visitor: Visitor, id: Id, sent: Sent<Reason>) -> Result<Json<Hold>, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "hold.released")?;
    let id = id.of("hold")?;
    let Reason { reason } = sent.read()?;
    visitor.change(move |log, access| Ok(log.release_hold(access, id, &reason)?)).await.map(Json)
}
