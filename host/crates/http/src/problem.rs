//! Errors in RFC 9457's format, with a sentence that says what to do next.
//!
//! Handlers return a [`Problem`] for all clients. The API sends it as it is; for pages a middleware turns it into a
//! page.

mod errors;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mcp_audit_log_filter::{DomainError, Position};
use schemars::JsonSchema;
use serde::Serialize;

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal or a failure.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// The kind of problem, as a URN.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The title of the kind of problem.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schemars(with = "u16")]
    status: StatusCode,
    /// The failure, and what to do.
    detail: String,
    #[serde(flatten)]
    wrong: Option<Box<Wrong>>,
}

/// The parameter of the query that is wrong.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Wrong {
    /// Its name.
    parameter: String,
    /// The part of a filter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    term: Option<String>,
    /// The position of that part, from 1: the term in the list, or the character in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
}

/// A kind of problem: status, last part of the type's URN, title.
pub(super) type Kind = (StatusCode, &'static str, &'static str);

pub(super) const UNAUTHENTICATED: Kind =
    (StatusCode::UNAUTHORIZED, "urn:mcp-audit-log:problem:unauthenticated", "Not signed in");
pub(super) const DENIED: Kind = (StatusCode::FORBIDDEN, "urn:mcp-audit-log:problem:denied", "Not allowed");
pub(super) const CROSS_SITE: Kind =
    (StatusCode::FORBIDDEN, "urn:mcp-audit-log:problem:cross-site", "Request from another site");
pub(super) const MISSING: Kind = (StatusCode::NOT_FOUND, "urn:mcp-audit-log:problem:not-found", "Not found");
pub(super) const METHOD: Kind =
    (StatusCode::METHOD_NOT_ALLOWED, "urn:mcp-audit-log:problem:method", "Method not allowed");
pub(super) const PARAMETER: Kind =
    (StatusCode::BAD_REQUEST, "urn:mcp-audit-log:problem:parameter", "Invalid parameter");
pub(super) const BODY: Kind = (StatusCode::BAD_REQUEST, "urn:mcp-audit-log:problem:body", "Invalid body");
pub(super) const TOO_LONG: Kind =
    (StatusCode::PAYLOAD_TOO_LARGE, "urn:mcp-audit-log:problem:too-long", "Body too long");
pub(super) const MEDIA: Kind =
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "urn:mcp-audit-log:problem:media-type", "Unsupported media type");
pub(super) const SLOW: Kind = (StatusCode::REQUEST_TIMEOUT, "urn:mcp-audit-log:problem:too-slow", "Body too slow");
pub(super) const SETTING: Kind =
    (StatusCode::UNPROCESSABLE_ENTITY, "urn:mcp-audit-log:problem:setting", "Setting not allowed");
pub(super) const INVALID: Kind =
    (StatusCode::UNPROCESSABLE_ENTITY, "urn:mcp-audit-log:problem:invalid", "Invalid value");
pub(super) const RUNNING: Kind = (StatusCode::CONFLICT, "urn:mcp-audit-log:problem:running", "Already running");
pub(super) const BUSY: Kind =
    (StatusCode::SERVICE_UNAVAILABLE, "urn:mcp-audit-log:problem:busy", "Temporarily unavailable");
pub(super) const TOO_MANY: Kind =
    (StatusCode::TOO_MANY_REQUESTS, "urn:mcp-audit-log:problem:too-many", "Too many requests");
pub(super) const INTERNAL: Kind =
    (StatusCode::INTERNAL_SERVER_ERROR, "urn:mcp-audit-log:problem:internal", "Internal error");

impl Problem {
    fn new((status, kind, title): Kind, detail: impl Into<String>) -> Self {
        Self { kind, title, status, detail: detail.into(), wrong: None }
    }

    fn with(self, wrong: Wrong) -> Self {
        Self { wrong: Some(Box::new(wrong)), ..self }
    }

    /// The request has no valid sign-in.
    pub(super) fn unauthenticated() -> Self {
        Self::new(UNAUTHENTICATED, "Send a token of this log as `Authorization: Bearer mcpa_…`, or sign in.")
    }

    /// This log creates no tokens itself.
    pub(super) fn no_tokens() -> Self {
        Self::new(MISSING, "This log issues no tokens; users sign in through the product that embeds it.")
    }

    /// A browser sent its cookie from a foreign page.
    pub(super) fn cross_site() -> Self {
        let advice = "Cross-site request refused: it did not come from a page of this site, and nothing was done. Repeat it from a \
                      page of this site; a program sends a token as Authorization: Bearer, or its own address in Origin.";
        Self::new(CROSS_SITE, advice)
    }

    /// An entry that is absent, hidden from the viewer, or has an invalid id. All three get the same answer.
    pub(super) fn no_entry() -> Self {
        Self::new(MISSING, "No such entry, or you may not see it.")
    }

    /// A hold or view that is absent or hidden from the viewer. Both get the same answer.
    pub(super) fn missing(what: &str) -> Self {
        Self::new(MISSING, format!("No such {what}, or you may not see it."))
    }

    /// A value is not allowed.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(INVALID, detail)
    }

    /// There is no route at this path.
    pub(super) fn no_route() -> Self {
        Self::new(MISSING, "No such page or endpoint.")
    }

    /// Entries never change, and other resources do not support this method.
    pub(super) fn method() -> Self {
        Self::new(METHOD, "Method not allowed here; use one from the Allow header. Entries never change.")
    }

    /// Too many live tails run.
    pub(super) fn too_many_tails() -> Self {
        Self::new(BUSY, "Too many live tails (64 in total, 16 per user). Close one or retry.")
    }

    /// The viewer, or all viewers together, already run the most allowed searches.
    pub(super) fn too_many_searches() -> Self {
        let advice = "Too many searches at once, in total or by you. Retry in two seconds, and send fewer at once.";
        Self::new(TOO_MANY, advice)
    }

    /// Too many exports run.
    pub(super) fn too_many_exports() -> Self {
        Self::new(BUSY, "Too many exports at once. Retry when one of them has finished.")
    }

    /// Another policy is on trial.
    pub(super) fn other_trial() -> Self {
        Self::new(BUSY, "Another policy is being tried. Retry in half a minute.")
    }

    /// A parameter is wrong.
    pub(super) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::new(PARAMETER, detail).with(Wrong { parameter: name.to_owned(), term: None, position: None })
    }

    /// The filter in a parameter is wrong.
    pub(super) fn domain(name: &str, error: &DomainError) -> Self {
        let (term, position) = (error.term.clone(), error.position.map(Position::number));
        Self::new(PARAMETER, format!("{name}: {error}.")).with(Wrong { parameter: name.to_owned(), term, position })
    }

    /// The query as a whole is wrong.
    pub(super) fn query(detail: impl Into<String>) -> Self {
        Self::new(PARAMETER, detail)
    }

    /// The body is wrong.
    pub(super) fn body(detail: impl Into<String>) -> Self {
        Self::new(BODY, detail)
    }

    /// The body has another media type.
    pub(super) fn media_type(wanted: &str) -> Self {
        Self::new(MEDIA, format!("Send the body as {wanted}."))
    }

    /// The body, or its number of items, is above a limit.
    pub(super) fn too_long(detail: impl Into<String>) -> Self {
        Self::new(TOO_LONG, detail)
    }

    /// The body took too long to arrive.
    pub(super) fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(SLOW, detail)
    }

    /// The queue is full, or the log is not writable.
    pub(super) fn nothing_taken() -> Self {
        Self::new(BUSY, "The log cannot accept this now, and nothing was recorded. Retry the whole request.")
    }

    /// The change was accepted, but may not be stored.
    pub(super) fn unsure() -> Self {
        let advice = "The log accepted this, but cannot confirm yet that it is stored. Retry the whole request: an \
                      item with an id is stored once.";
        Self::new(BUSY, advice)
    }

    /// The body was not read.
    fn unread(status: StatusCode) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(TOO_LONG, "The body is too long; send at most 64 KiB."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::media_type("application/x-www-form-urlencoded"),
            _ => Self::body("The body cannot be read. Use the page's form."),
        }
    }

    /// An internal failure. The trace has its cause under a reference, which the user gets.
    pub(super) fn internal(cause: &dyn std::fmt::Display) -> Self {
        let mut random = [0; 4];
        // Without randomness the reference is all zeros, which is still a reference.
        let _ = getrandom::fill(&mut random);
        let reference = format!("{:08x}", u32::from_be_bytes(random));
        tracing::error!(reference, %cause, "a request failed");
        Self::new(INTERNAL, format!("The request failed. See the server's log for reference {reference}."))
    }

    /// The status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The title.
    pub(super) fn title(&self) -> &'static str {
        self.title
    }

    /// The sentence.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The last part of the kind's URN.
    #[cfg(feature = "mcp")]
    pub(super) fn kind(&self) -> &'static str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// The parameter that is wrong.
    pub(super) fn wrong_parameter(&self) -> Option<&str> {
        self.wrong.as_ref().map(|wrong| wrong.parameter.as_str())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mcp-audit-log\""));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
