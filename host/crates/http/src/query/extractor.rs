//! Extracts a typed query from a URL, with problems for invalid parameters; and reads times in forms and JSON.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};

use super::search::{DEFAULT_LIMIT, Pairs};
use crate::openapi::{Input, Operation};
use crate::problem::{PARAMETER, Problem};

/// The parameters of a query of the kind `P`, before they are checked.
pub(crate) struct ParsedQuery<P> {
    pub(crate) pairs: Pairs,
    kind: PhantomData<fn() -> P>,
}

/// A kind of query.
pub(crate) trait Parameters {
    /// Documents the parameters.
    fn describe(operation: &mut Operation<'_>);
}

/// A query with only a limit.
pub(crate) struct LimitOnly;

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
pub(crate) fn describe_limit(operation: &mut Operation<'_>) {
    operation.query("limit", "The maximum number of items.", limit());
}

fn limit() -> Json {
    json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT })
}

/// Whether a query is UTF-8 after decoding. Otherwise the search would be for replacement characters.
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

/// The most parameters of a page, and the most bytes of all of them. The API accepts more.
const PARAMETERS: usize = 100;
const BYTES: usize = 16 << 10;

/// Refuses a search that is too long for a page.
///
/// # Errors
/// The search is too long for a page.
pub(crate) fn bounded(pairs: &Pairs) -> Result<(), Problem> {
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if pairs.len() <= PARAMETERS && bytes <= BYTES {
        return Ok(());
    }
    Err(Problem::query(
        "This search is too long for a page. Use fewer values, or use the API, which accepts longer searches.",
    ))
}

/// The schema of a time in the OpenAPI document.
pub(crate) struct Moment;

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let forms = ["date-time", "date"].map(|format| json_schema!({ "type": "string", "format": format }));
        json_schema!({ "anyOf": forms })
    }
}

/// The time that `text` means.
pub(crate) fn required(name: &str, text: &str, zone: TimeZone) -> Result<Timestamp, Problem> {
    exactly(name, text, zone).map(|(from, _)| from)
}

/// The end that `text` means, exclusive; a day is included as a whole.
pub(crate) fn until(name: &str, text: &str, zone: TimeZone) -> Result<Timestamp, Problem> {
    exactly(name, text, zone).map(|(from, to)| to.unwrap_or(from))
}

/// A day or a moment that does not depend on when it is read.
fn exactly(name: &str, text: &str, zone: TimeZone) -> Result<(Timestamp, Option<Timestamp>), Problem> {
    let text = Some(text.trim()).filter(|text| text.starts_with(|first: char| first.is_ascii_digit()));
    text.and_then(|text| zone.parse_spoken(text, Timestamp::EPOCH)).ok_or_else(|| unreadable(name))
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
