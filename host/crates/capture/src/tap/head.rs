//! The kept parts of the heads of a request and its response: a few header values, cloned without copying.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, OriginalUri};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header, request, response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_audit_log_model::time::Timestamp;

use crate::parse::decode::Coding;
use crate::parse::reader::Format;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL: HeaderName = HeaderName::from_static("mcp-protocol-version");
const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The first revision without sessions; revisions are dates and compare as texts.
const STATELESS: &str = "2026-07-28";

/// A request's head.
pub(crate) struct RequestHead {
    pub(crate) at: Timestamp,
    pub(crate) started: Instant,
    pub(crate) server: Arc<str>,
    pub(crate) http_method: Method,
    pub(crate) path: String,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) session: Option<HeaderValue>,
    pub(crate) resumed: bool,
    pub(crate) codings: Vec<Coding>,
    last_event_id: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
    protocol: Option<HeaderValue>,
    mcp_method: Option<HeaderValue>,
    mcp_name: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    traceparent: Option<HeaderValue>,
}

impl RequestHead {
    pub(crate) fn new(parts: &request::Parts, server: Arc<str>, at: Timestamp) -> Self {
        let value = |name: HeaderName| parts.headers.get(name).cloned();
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        Self {
            at,
            started: Instant::now(),
            server,
            http_method: parts.method.clone(),
            path: uri.path().to_owned(),
            peer,
            session: value(SESSION),
            resumed: parts.headers.contains_key(LAST_EVENT_ID),
            codings: codings(&parts.headers),
            last_event_id: value(LAST_EVENT_ID),
            authorization: value(header::AUTHORIZATION),
            protocol: value(PROTOCOL),
            mcp_method: value(MCP_METHOD),
            mcp_name: value(MCP_NAME),
            user_agent: value(header::USER_AGENT),
            traceparent: value(TRACEPARENT),
        }
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        text(&self.protocol)
    }

    pub(crate) fn user_agent(&self) -> Option<String> {
        self.user_agent.as_ref().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The last event that the client saw of the stream that it resumes.
    pub(crate) fn last_event_id(&self) -> Option<&[u8]> {
        self.last_event_id.as_ref().map(HeaderValue::as_bytes)
    }

    /// The credential of the request. It is only hashed, never stored.
    pub(crate) fn authorization(&self) -> Option<&[u8]> {
        self.authorization.as_ref().map(HeaderValue::as_bytes)
    }

    pub(crate) fn traceparent(&self) -> Option<&str> {
        text(&self.traceparent)
    }

    pub(crate) fn mcp_method(&self) -> Option<String> {
        text(&self.mcp_method).and_then(plain)
    }

    pub(crate) fn mcp_name(&self) -> Option<String> {
        text(&self.mcp_name).and_then(plain)
    }

    /// Whether the client uses the stateless protocol, where closing the stream cancels the call.
    pub(crate) fn is_stateless(&self) -> bool {
        self.protocol().is_some_and(is_stateless)
    }
}

/// Whether `revision` is one of the stateless protocol.
pub(crate) fn is_stateless(revision: &str) -> bool {
    revision.len() == STATELESS.len() && revision >= STATELESS
}

/// A response's head.
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) format: Format,
    pub(crate) codings: Vec<Coding>,
    pub(crate) session: Option<HeaderValue>,
    pub(crate) challenge: Option<HeaderValue>,
}

impl ResponseHead {
    pub(crate) fn new(parts: &response::Parts) -> Self {
        Self {
            status: parts.status.as_u16(),
            format: format(&parts.headers),
            codings: codings(&parts.headers),
            session: parts.headers.get(SESSION).cloned(),
            challenge: parts.headers.get(header::WWW_AUTHENTICATE).cloned(),
        }
    }

    /// Whether it begins a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        self.status == 200 && self.format == Format::Events
    }
}

fn format(headers: &HeaderMap) -> Format {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map_or(Format::Unknown, Format::of)
}

fn codings(headers: &HeaderMap) -> Vec<Coding> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    // What is no text names no coding that is known.
    Coding::of(values.map(|value| value.to_str().unwrap_or("?")))
}

fn text(value: &Option<HeaderValue>) -> Option<&str> {
    value.as_ref()?.to_str().ok()
}

/// A header's value, which may be written as `=?base64?…?=`.
fn plain(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|value| value.strip_suffix("?=")) {
        Some(code) => String::from_utf8(STANDARD.decode(code).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

/// The trace id in a W3C `traceparent`.
pub(crate) fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.trim().split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex(version, 2) && hex(id, 32) && id.bytes().any(|byte| byte != b'0')).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_names_and_trace_ids_are_read() {
        assert_eq!(plain("=?base64?ZWNobw==?=").as_deref(), Some("echo"));
        assert_eq!(plain("=?base64?!?="), None);
        assert_eq!(plain("echo").as_deref(), Some("echo"));
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        assert_eq!(trace_id("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
        assert!(is_stateless("2026-07-28") && !is_stateless("2025-11-25") && !is_stateless("banana"));
    }
}
