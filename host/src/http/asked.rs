//! The query of a request to the API: its parameters as they were sent, and which ones there are.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde_json::{Value as Json, json};

use super::openapi::{Input, Operation};
use super::problem::{PARAMETER, Problem};
use super::search::{DEFAULT_LIMIT, Pairs};
use crate::reader::MAX_LIMIT;

/// The parameters of a query of the kind `P`, not checked yet.
pub(super) struct Asked<P> {
    pub(super) pairs: Pairs,
    kind: PhantomData<fn() -> P>,
}

/// A kind of query.
pub(super) trait Parameters {
    /// Documents the parameters.
    fn describe(operation: &mut Operation<'_>);
}

/// A query with a limit and nothing else.
pub(super) struct LimitOnly;

impl<P, S: Sync> FromRequestParts<S> for Asked<P> {
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

impl<P: Parameters> Input for Asked<P> {
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
pub(super) fn describe_limit(operation: &mut Operation<'_>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_text_when_all_of_it_decodes() {
        for text in ["", "tool=a", "q=%C3%A4", "q=%c3%a4%", "q=100%", "q=%zz", "q=%E2%82%AC&tool=x", "q=ä"] {
            assert!(is_text(text), "{text}");
        }
        for other in ["q=%ff", "q=%C3", "q=%C3&x=%A4", "%80=x", "q=%ED%A0%80"] {
            assert!(!is_text(other), "{other}");
        }
    }
}
