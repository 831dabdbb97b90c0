//! `DELETE /api/v1/entries/{id}/payload`: erases the content and keeps the entry.

use axum::response::NoContent;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::auth::Visitor;
use super::super::problem::Problem;
use super::body::{Sendable, Sent};
use super::segment::Id;
use crate::access::Right;
use crate::hold::LONGEST_REASON;

/// Why a payload is erased.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Erasure {
    /// The reason; the log records it.
    #[schemars(length(min = 1, max = LONGEST_REASON))]
    reason: String,
}

impl Sendable for Erasure {
    const EXAMPLE: &'static str = "{\"reason\": \"a request under article 17\"}";
}

/// Needs the rights to manage and to read payloads.
pub(super) async fn erase(visitor: Visitor, id: Id, sent: Sent<Erasure>) -> Result<NoContent, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Manage, "payload.erased")?;
    visitor.site.log.allow(&visitor.access, Right::ReadPayloads, "payload.erased")?;
    let id = id.of("payload")?;
    let Erasure { reason } = sent.read()?;
    visitor.change(move |log, access| Ok(log.erase_payload(access, id, &reason)?)).await?;
    Ok(NoContent)
}
