//! Extracts a typed query from a URL, with problems for faulty parameters; and reads times in forms and JSON.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};

use super::search::{DEFAULT_LIMIT, Pairs};
use crate::http::openapi::{Input, Operation};
use crate::http::problem::{PARAMETER, Problem};
use crate::reader::MAX_LIMIT;
use crate::time::Timestamp;

/// The parameters of a query of the kind `P`, not checked yet.
pub(in crate::http) struct ParsedQuery<P> {
    pub(in crate::http) pairs: Pairs,
    kind: PhantomData<fn() -> P>,
}

/// A kind of query.
pub(in crate::http) trait Parameters {
    /// Documents the parameters.
    fn describe(operation: &mut Operation<'_>);
}

/// A query with a limit and nothing else.
pub(in crate::http) struct LimitOnly;

impl<P, S: Sync> FromRequestParts<S> for ParsedQuery<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let unreadable =
            || Problem::query("The query is not valid UTF-8; percent-encode it, and write %25 for a percent sign.");
        if !is_text(parts.uri.query().unwrap_or_default()) {
            return Err(unreadable());
        }
        let Query(pairs) = Query::<Pairs>::try_from_uri(&parts.uri).map_err(|_| unreadable())?;
        Ok(Self { pairs, kind: PhantomData })
    }
}

impl<P: Parameters> Input for ParsedQuery<P> {
    fn describe(operation: &mut Operation<'_>) {
        P::describe(operation);
        operation.refuses(PARAMETER);
    }
}

impl Parameters for LimitOnly {
    fn describe(operation: &mut Operation<'_>) {
        describe_limit(operation);
    }
}

/// Documents `limit`.
pub(in crate::http) fn describe_limit(operation: &mut Operation<'_>) {
    operation.query("limit", "The maximum number of items.", limit());
}

fn limit() -> Json {
    json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT })
}

/// Whether a query is UTF-8 once it is decoded. What is not would be read as replacement characters, and those would be
/// searched for.
fn is_text(query: &str) -> bool {
    let mut parts = query.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        decoded.extend(code);
        decoded.extend_from_slice(part.get(code.map_or(0, |_| 2)..).unwrap_or_default().as_bytes());
    }
    std::str::from_utf8(&decoded).is_ok()
}

/// How the document describes one.
pub(in crate::http) struct Moment;

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let forms = ["date-time", "date"].map(|format| json_schema!({ "type": "string", "format": format }));
        json_schema!({ "anyOf": forms })
    }
}

/// The moment that `text` is.
pub(in crate::http) fn required(name: &str, text: &str) -> Result<Timestamp, Problem> {
    optional(name, Some(text))?.ok_or_else(|| unreadable(name))
}

/// The moment that `text` is, if it is not empty.
pub(in crate::http) fn optional(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Timestamp::parse(text).map(Some).ok_or_else(|| unreadable(name)),
        None => Ok(None),
    }
}

fn unreadable(name: &str) -> Problem {
    Problem::invalid(format!("{name}: give a date such as 2026-01-31, or a time such as 2026-01-31T08:00:00Z."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undecodable_query_is_refused() {
        for text in ["", "tool=a", "q=%C3%A4", "q=%c3%a4%", "q=100%", "q=%zz", "q=%E2%82%AC&tool=x", "q=ä"] {
            assert!(is_text(text), "{text}");
        }
        for other in ["q=%ff", "q=%C3", "q=%C3&x=%A4", "%80=x", "q=%ED%A0%80"] {
            assert!(!is_text(other), "{other}");
        }
    }
}
