//! `/api/v1/checkpoint…` and `/api/v1/entries/{id}/proof.tlog`: signed checkpoints, and proofs that an entry is in the
//! log.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{IntoResponse, NoContent, Response};
use mcp_audit_log_index::StoredCheckpoint;
use mcp_audit_log_model::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::openapi::extractors::Id;
use crate::openapi::{Operation, Output, Text};
use crate::problem::Problem;
use crate::query::extractor::{Parameters, ParsedQuery, describe_limit};
use crate::query::search;
use crate::session::auth::Visitor;

/// The archived checkpoints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Checkpoints {
    /// The verification keys, oldest first, in the form of C2SP signed-note. To trust a key, get it from another
    /// source.
    keys: Vec<String>,
    /// The first checkpoint of each day, newest first.
    checkpoints: Vec<Archived>,
    /// The value of `before` for older checkpoints, or null if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// Which of them.
pub(crate) struct Older;

impl Parameters for Older {
    fn describe(operation: &mut Operation<'_>) {
        describe_limit(operation);
        let number = serde_json::json!({ "type": "integer", "minimum": 0 });
        operation.query(
            "before",
            "Only checkpoints with a number below this; use `next` of the previous page.",
            number,
        );
    }
}

/// An archived checkpoint.
#[derive(Serialize, JsonSchema)]
struct Archived {
    number: u64,
    /// The number of entries that it covers.
    size: u64,
    signed_at: Timestamp,
    /// The signed note.
    note: String,
    /// The consistency proof (RFC 9162) from the one before it, in hexadecimal digits.
    link: Vec<String>,
}

impl From<StoredCheckpoint> for Archived {
    fn from(StoredCheckpoint { number, checkpoint }: StoredCheckpoint) -> Self {
        let link = checkpoint.link.iter().flatten().map(ToString::to_string).collect();
        Self { number, size: checkpoint.size, signed_at: checkpoint.signed_at, note: checkpoint.note, link }
    }
}

/// `GET /checkpoint`: the newest one, as its note.
pub(crate) async fn newest(visitor: Visitor) -> Result<Text, Problem> {
    let newest = visitor.search(|log, access| Ok(log.latest_checkpoint(access)?)).await?;
    newest.map(|newest| Text(newest.checkpoint.note)).ok_or_else(|| Problem::missing("checkpoint"))
}

/// `GET /checkpoints`: the archived ones.
pub(crate) async fn list(visitor: Visitor, asked: ParsedQuery<Older>) -> Result<Json<Checkpoints>, Problem> {
    search::refuse_others(&asked.pairs, || ["limit", "before"].into_iter())?;
    let limit = search::limit(&asked.pairs)?;
    let before = search::single(&asked.pairs, "before")?.map(number).transpose()?;
    let found = visitor.search(move |log, access| {
        let checkpoints = log.view().archived_checkpoints(access, before, limit)?;
        let next = checkpoints.last().filter(|_| checkpoints.len() == limit).map(|last| last.number);
        let checkpoints = checkpoints.into_iter().map(Archived::from).collect();
        Ok(Checkpoints { keys: log.view().verifier_keys()?, checkpoints, next })
    });
    found.await.map(Json)
}

fn number(text: &str) -> Result<u64, Problem> {
    let wrong = || Problem::parameter("before", "before: not a checkpoint number; use `next` of the previous page.");
    text.parse().map_err(|_| wrong())
}

/// A proof as a file to download.
pub(crate) struct ProofText {
    entry: Uuid,
    text: String,
}

impl IntoResponse for ProofText {
    fn into_response(self) -> Response {
        let name = format!("attachment; filename=\"{}.tlog-proof\"", self.entry);
        ([(CONTENT_DISPOSITION, name)], self.text).into_response()
    }
}

impl Output for ProofText {
    fn describe(operation: &mut Operation<'_>) {
        operation.saved(StatusCode::OK, [("text/plain", serde_json::json!({ "type": "string" }))]);
    }
}

/// `GET /entries/{id}/proof.tlog`: the entry's proof as a file.
pub(crate) async fn proof(visitor: Visitor, id: Id) -> Result<ProofText, Problem> {
    let entry = id.of("entry")?;
    let proof = visitor.search(move |log, access| Ok(log.prove(access, entry)?));
    proof.await?.map(|proof| ProofText { entry, text: proof.to_string() }).ok_or_else(Problem::no_entry)
}

/// `POST /clock/confirm`: confirms that the clock is right, whatever jump it made.
pub(crate) async fn confirm_clock(visitor: Visitor) -> Result<NoContent, Problem> {
    visitor.change(|log, access| Ok(log.confirm_clock(access)?)).await?;
    Ok(NoContent)
}
