//! `GET /api/v1/values/{field}`: the values that a field has, for the menus of filters.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query};
use serde::Serialize;

use super::super::auth::Visitor;
use super::super::problem::Problem;
use super::super::search::{self, FIELDS, Pairs, short};
use crate::access::Right;
use crate::field::Field;
use crate::value::Value;

/// The values among the entries that the viewer may see; who sees a part of the log gets those used lately.
#[derive(Serialize)]
pub(super) struct Values {
    field: &'static str,
    values: Vec<Value>,
    /// Whether there are more.
    more: bool,
}

/// There is one parameter beside the field: `limit`.
pub(super) async fn list(
    visitor: Visitor,
    name: Result<Path<String>, PathRejection>,
    Query(pairs): Query<Pairs>,
) -> Result<Json<Values>, Problem> {
    // A name that is no text is no field's name.
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let values = visitor.ask(move |log, access| {
        access.require(Right::Read)?;
        search::refuse_others(&pairs, || ["limit"].into_iter())?;
        let (field, limit) = (field(&name)?, search::limit(&pairs)?);
        let found = log.reader(access).values(field, limit)?;
        Ok(Values { field: field.name(), values: found.values, more: found.more })
    });
    values.await.map(Json)
}

/// Those that can be filtered by with a parameter and whose values are kept in a dictionary.
fn field(name: &str) -> Result<Field, Problem> {
    let possible = || FIELDS.iter().filter(|field| field.repeats());
    possible().find(|field| field.name() == name).copied().ok_or_else(|| {
        let names: Vec<_> = possible().map(|field| field.name()).collect();
        let detail = format!("{} is no field whose values are listed; there are: {}.", short(name), names.join(", "));
        Problem::parameter("field", detail)
    })
}
