//! `/api/v1/entries/{id}`: one entry with details and, with the right, its payload; erasing the payload; and proofs.

use axum::Json;
use axum::response::NoContent;
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::hold::LONGEST_REASON;
use mcp_audit_log_index::StoredPayload;
use mcp_audit_log_ledger::{ConsistencyProof, InclusionProof};
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_service::AuditLog;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::openapi::Operation;
use crate::openapi::extractors::Id;
use crate::openapi::extractors::{Sendable, Sent};
use crate::problem::Problem;
use crate::query::extractor::{Parameters, ParsedQuery};
use crate::query::search::Pairs;
use crate::session::auth::Visitor;

/// An entry as a whole.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholeEntry")]
pub(crate) struct Whole {
    #[serde(flatten)]
    entry: Entry,
    details: Details,
    /// Absent if the viewer may not read payloads, null if none is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Option<Payload>>,
}

/// The kept parts of request and response.
#[derive(Serialize, JsonSchema)]
struct Payload {
    /// JSON as it was sent, or a text; null if none is kept.
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
pub(crate) async fn show(visitor: Visitor, id: Id) -> Result<Json<Whole>, Problem> {
    if visitor.access.may(Right::ReadPayloads) {
        visitor.require_own_will()?;
    }
    visitor.search(move |log, access| whole(log, access, &id)).await.map(Json)
}

fn whole(log: &AuditLog, access: &Grant, id: &Id) -> Result<Whole, Problem> {
    let may_read_payload = access.may(Right::ReadPayloads);
    let (mut entry, payload) = read(id, may_read_payload, log, access)?;
    let payload = may_read_payload.then(|| payload.map(Payload::new));
    Ok(Whole { details: std::mem::take(&mut entry.details), entry, payload })
}

/// The entry with this id and, if it is asked for, its payload. The reading of a payload is recorded first.
pub(crate) fn read(
    id: &Id,
    with_payload: bool,
    log: &AuditLog,
    access: &Grant,
) -> Result<(Entry, Option<StoredPayload>), Problem> {
    access.require(Right::Read)?;
    let entry = log.view().reader(access).entry(id.of("entry")?)?.ok_or_else(Problem::no_entry)?;
    // Nothing is read where nothing is kept, and no reading recorded.
    let kept = if with_payload && entry.has_payload { log.read_payload(access, entry.id)? } else { None };
    Ok((entry, kept.map(|(_, payload)| payload)))
}

impl Payload {
    fn new(StoredPayload { request, response, notes, salt: _ }: StoredPayload) -> Self {
        Self { request: request.map(Body::new), response: response.map(Body::new), notes }
    }
}

impl Body {
    fn new(text: String) -> Self {
        match RawValue::from_string(text.clone()) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(text),
        }
    }
}

/// Why a payload is erased.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erasure {
    /// The reason; the log records it.
    #[schemars(length(min = 1, max = LONGEST_REASON))]
    reason: String,
}

impl Sendable for Erasure {
    const EXAMPLE: &'static str = "{\"reason\": \"a request under article 17\"}";
}

/// Needs the rights to manage and to read payloads.
pub(crate) async fn erase(visitor: Visitor, id: Id, sent: Sent<Erasure>) -> Result<NoContent, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Manage, "payload.erased")?;
    visitor.site.log.allow(&visitor.access, Right::ReadPayloads, "payload.erased")?;
    let id = id.of("payload")?;
    let Erasure { reason } = sent.read()?;
    visitor.change(move |log, access| Ok(log.erase_payload(access, id, &reason)?)).await?;
    Ok(NoContent)
}

/// The size of a tree.
pub(crate) struct Size;

/// The sizes of two trees.
pub(crate) struct Sizes;

impl Parameters for Size {
    fn describe(operation: &mut Operation<'_>) {
        operation.query("size", "The number of entries in the tree; all by default.", number());
    }
}

impl Parameters for Sizes {
    fn describe(operation: &mut Operation<'_>) {
        operation.required_query("from", "The number of entries in the older tree.", number());
        operation.query("to", "The number of entries in the newer tree; all by default.", number());
    }
}

/// Needs no right beyond seeing the entry.
pub(crate) async fn entry(visitor: Visitor, id: Id, asked: ParsedQuery<Size>) -> Result<Json<InclusionProof>, Problem> {
    let proof = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        let (id, size) = (id.of("entry")?, size(&asked.pairs, "size")?);
        let proof = log.view().reader(access).inclusion(id, size)?.ok_or_else(Problem::no_entry)?;
        Ok(InclusionProof::from(&proof))
    });
    proof.await.map(Json)
}

/// Needs the right to verify.
pub(crate) async fn consistency(
    visitor: Visitor,
    asked: ParsedQuery<Sizes>,
) -> Result<Json<ConsistencyProof>, Problem> {
    let proof = visitor.search(move |log, access| {
        access.require(Right::Verify)?;
        let from = size(&asked.pairs, "from")?;
        let from =
            from.ok_or_else(|| Problem::parameter("from", "from: required; give the size of the older tree."))?;
        Ok(ConsistencyProof::from(&log.view().reader(access).consistency(from, size(&asked.pairs, "to")?)?))
    });
    proof.await.map(Json)
}

fn size(pairs: &Pairs, name: &str) -> Result<Option<u64>, Problem> {
    let Some((_, value)) = pairs.iter().find(|pair| pair.0 == name) else { return Ok(None) };
    let wrong = || Problem::parameter(name, "Give a size as a number of entries, such as 4096.");
    value.parse().map(Some).map_err(|_| wrong())
}

fn number() -> serde_json::Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0 })
}
