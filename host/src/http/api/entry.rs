//! `GET /api/v1/entries/{id}`: one entry with its details and, with the right, its payload.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::auth::Visitor;
use super::super::problem::Problem;
use super::segment::Id;
use crate::AuditLog;
use crate::access::{Access, Right};
use crate::entry::{Details, Entry};
use crate::store::StoredPayload;

/// An entry as a whole.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholeEntry")]
pub(super) struct Whole {
    #[serde(flatten)]
    entry: Entry,
    details: Details,
    /// Absent if the viewer may not read payloads, null if none is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Option<Payload>>,
}

/// What is kept of request and response.
#[derive(Serialize, JsonSchema)]
struct Payload {
    /// JSON as it was sent, or a text; null where none is kept.
    #[schemars(with = "serde_json::Value")]
    request: Option<Body>,
    /// The same for the response.
    #[schemars(with = "serde_json::Value")]
    response: Option<Body>,
    #[serde(flatten)]
    notes: Details,
}

/// A body: JSON exactly as it was sent, or any other text.
#[derive(Serialize)]
#[serde(untagged)]
enum Body {
    Json(Box<RawValue>),
    Text(String),
}

/// Reading a payload is recorded before it is shown.
pub(super) async fn show(visitor: Visitor, id: Id) -> Result<Json<Whole>, Problem> {
    if visitor.access.may(Right::ReadPayloads) {
        visitor.require_own_will()?;
    }
    visitor.search(move |log, access| whole(log, access, &id)).await.map(Json)
}

fn whole(log: &AuditLog, access: &Access, id: &Id) -> Result<Whole, Problem> {
    access.require(Right::Read)?;
    let id = id.of("entry")?;
    let mut entry = log.reader(access).entry(id)?.ok_or_else(Problem::no_entry)?;
    let payload = access.may(Right::ReadPayloads).then(|| payload(log, access, &entry)).transpose()?;
    Ok(Whole { details: std::mem::take(&mut entry.details), entry, payload })
}

fn payload(log: &AuditLog, access: &Access, entry: &Entry) -> Result<Option<Payload>, Problem> {
    // Nothing is read where nothing is kept, and no reading recorded.
    let kept = if entry.has_payload { log.read_payload(access, entry.id)? } else { None };
    Ok(kept.map(|(_, StoredPayload { request, response, notes, salt: _ })| Payload {
        request: request.map(Body::new),
        response: response.map(Body::new),
        notes,
    }))
}

impl Body {
    fn new(text: String) -> Self {
        match RawValue::from_string(text.clone()) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(text),
        }
    }
}
