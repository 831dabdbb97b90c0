//! `GET /api/v1/entries/{id}/proof` and `GET /api/v1/proofs/consistency`: what the ledger can prove.

use axum::Json;
use serde_json::json;

use super::super::asked::{Asked, Parameters};
use super::super::auth::Visitor;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::super::search::Pairs;
use super::segment::Id;
use crate::access::Right;
use crate::ledger::{ConsistencyProof, InclusionProof};

/// The size of a tree.
pub(super) struct Size;

/// The sizes of two trees.
pub(super) struct Sizes;

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
pub(super) async fn entry(visitor: Visitor, id: Id, asked: Asked<Size>) -> Result<Json<InclusionProof>, Problem> {
    let proof = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        let (id, size) = (id.of("entry")?, size(&asked.pairs, "size")?);
        let proof = log.reader(access).inclusion(id, size)?.ok_or_else(Problem::no_entry)?;
        Ok(InclusionProof::from(&proof))
    });
    proof.await.map(Json)
}

/// Needs the right to verify.
pub(super) async fn consistency(visitor: Visitor, asked: Asked<Sizes>) -> Result<Json<ConsistencyProof>, Problem> {
    let proof = visitor.search(move |log, access| {
        access.require(Right::Verify)?;
        let from = size(&asked.pairs, "from")?;
        let from =
            from.ok_or_else(|| Problem::parameter("from", "from: required; give the size of the older tree."))?;
        Ok(ConsistencyProof::from(&log.reader(access).consistency(from, size(&asked.pairs, "to")?)?))
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
