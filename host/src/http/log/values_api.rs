//! `GET /api/v1/values/{field}`: the values that a field has, for the menus of filters.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::access::Right;
use crate::field::Field;
use crate::http::api::extractors::Name;
use crate::http::openapi::{Input, Operation};
use crate::http::problem::{PARAMETER, Problem};
use crate::http::query::extractor::{LimitOnly, ParsedQuery};
use crate::http::query::search;
use crate::http::query::search::{FIELDS, short};
use crate::http::session::auth::Visitor;
use crate::value::Value;

/// The values among the entries that the viewer may see; viewers of a part of the log get the recent ones.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct Values {
    field: &'static str,
    values: Vec<Value>,
    /// Whether there are more.
    more: bool,
}

/// There is one parameter beside the field: `limit`.
pub(in crate::http) async fn list(
    visitor: Visitor,
    FieldName(Name(name)): FieldName,
    asked: ParsedQuery<LimitOnly>,
) -> Result<Json<Values>, Problem> {
    let values = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        search::refuse_others(&asked.pairs, || ["limit"].into_iter())?;
        let (field, limit) = (field(&name)?, search::limit(&asked.pairs)?);
        let found = log.reader(access).values(field, limit)?;
        Ok(Values { field: field.name(), values: found.values, more: found.more })
    });
    values.await.map(Json)
}

/// A name in the path that should be a field's.
pub(in crate::http) struct FieldName(Name);

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
    FIELDS.iter().copied().filter(|field| field.repeats())
}

fn field(name: &str) -> Result<Field, Problem> {
    possible().find(|field| field.name() == name).ok_or_else(|| {
        let names: Vec<_> = possible().map(Field::name).collect();
        let detail = format!("The values of {} are not listed; use one of: {}.", short(name), names.join(", "));
        Problem::parameter("field", detail)
    })
}
