//! `GET /api/v1/values/{field}`: the values of a field, for the menus of filters.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::openapi::extractors::Name;
use crate::openapi::{Input, Operation};
use crate::problem::{PARAMETER, Problem};
use crate::query::extractor::{LimitOnly, ParsedQuery};
use crate::query::search;
use crate::query::search::{Pairs, fields, short};
use crate::session::auth::Visitor;

/// The values among the entries that the viewer may see; viewers of a part of the log get the recent ones.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Values {
    field: &'static str,
    values: Vec<Value>,
    /// Whether there are more.
    more: bool,
}

/// There is one parameter besides the field: `limit`.
pub(crate) async fn list(
    visitor: Visitor,
    FieldName(Name(name)): FieldName,
    asked: ParsedQuery<LimitOnly>,
) -> Result<Json<Values>, Problem> {
    visitor.search(move |log, access| values(&name, &asked.pairs, log, access)).await.map(Json)
}

/// The values of the field with this name.
pub(crate) fn values(name: &str, pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Values, Problem> {
    access.require(Right::Read)?;
    search::refuse_others(pairs, || ["limit"].into_iter())?;
    let (field, limit) = (field(name)?, search::limit(pairs)?);
    let found = log.view().reader(access).values(field, limit)?;
    Ok(Values { field: field.name(), values: found.values, more: found.more })
}

/// A name in the path that should name a field.
pub(crate) struct FieldName(Name);

impl<S: Send + Sync> FromRequestParts<S> for FieldName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Name::from_request_parts(parts, state).await.map(Self)
    }
}

impl Input for FieldName {
    fn describe(operation: &mut Operation<'_>) {
        let names: Vec<_> = possible().map(Field::name).collect();
        operation.segment("The field.", json!({ "type": "string", "enum": names }));
        operation.refuses(PARAMETER);
    }
}

/// Fields that have a filter parameter and a dictionary.
fn possible() -> impl Iterator<Item = Field> {
    fields().filter(|field| field.repeats())
}

fn field(name: &str) -> Result<Field, Problem> {
    possible().find(|field| field.name() == name).ok_or_else(|| {
        let names: Vec<_> = possible().map(Field::name).collect();
        let detail = format!("The values of {} are not listed; use one of: {}.", short(name), names.join(", "));
        Problem::parameter("field", detail)
    })
}
