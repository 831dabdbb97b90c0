//! `/api/v1/holds`: legal holds, for those who oversee the log; placed and released by those who configure it.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::auth::Visitor;
use super::super::moment;
use super::super::problem::Problem;
use super::body::json;
use crate::access::Right;
use crate::hold::{Hold, NewHold, held_from};
use crate::time::Timestamp;

/// What holds do, for whoever reads the answer without the manual.
const NOTE: &str = "While a hold is in force, the cleanup stops at the first entry recorded at or after its start. It \
                    removes the oldest entries only, so what lies after the end of the hold waits as well.";

/// The holds.
#[derive(Serialize)]
pub(super) struct Holds {
    holds: Vec<Hold>,
    /// The start of the earliest hold in force; null: nothing is held.
    cleanup_stops_at: Option<Timestamp>,
    note: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    from: String,
    #[serde(default)]
    to: Option<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

/// `GET`: all of them, the newest first.
pub(super) async fn list(visitor: Visitor) -> Result<Json<Holds>, Problem> {
    let holds = visitor.ask(|log, access| Ok(log.holds(access)?)).await?;
    Ok(Json(Holds { cleanup_stops_at: held_from(&holds), holds, note: NOTE }))
}

/// `POST`: places one.
pub(super) async fn place(
    visitor: Visitor,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Hold>), Problem> {
    visitor.access.require(Right::Configure)?;
    let example = "{\"from\": \"2026-01-01\", \"to\": null, \"reason\": \"case 7\"}";
    let Wanted { from, to, reason } = json(&headers, &body?, example)?;
    let (from, to) = (moment::required("from", &from)?, moment::optional("to", to.as_deref())?);
    let hold = visitor.ask(move |log, access| Ok(log.place_hold(access, NewHold { from, to, reason })?)).await?;
    Ok((StatusCode::CREATED, Json(hold)))
}

/// `POST …/{id}/release`: releases one.
pub(super) async fn release(
    visitor: Visitor,
    id: Result<Path<Uuid>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Hold>, Problem> {
    visitor.access.require(Right::Configure)?;
    let Path(id) = id.map_err(|_| Problem::missing("hold"))?;
    let Reason { reason } = json(&headers, &body?, "{\"reason\": \"the case is closed\"}")?;
    visitor.ask(move |log, access| Ok(log.release_hold(access, id, &reason)?)).await.map(Json)
}
