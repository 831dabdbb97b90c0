//! The transport of 2024-11-05 (HTTP+SSE), which the proxy refuses. Its server sends, inside a stream, the address to
//! which the client posts, and sends every answer on that stream. A proxy that does not change streams cannot forward
//! it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, StreamBody};

use super::sign_in::refusal;

/// How long the proxy waits for the beginning of a stream. A server of that transport sends its address at once.
const MOMENT: Duration = Duration::from_secs(1);

/// Whether a request may be the first of that transport. Streams of the newer one belong to a session, or name their
/// revision.
pub(crate) fn may_begin(method: &Method, headers: &HeaderMap) -> bool {
    let events = headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(is_events));
    method == Method::GET
        && events
        && !headers.contains_key("mcp-session-id")
        && !headers.contains_key("mcp-protocol-version")
}

/// The answer, or a refusal if it is a stream of that transport.
pub(crate) async fn refused(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if response.status() != StatusCode::OK || !kind.is_some_and(is_events) {
        return response;
    }
    let (parts, mut body) = response.into_parts();
    let Ok(Some(first)) = tokio::time::timeout(MOMENT, body.frame()).await else {
        return Response::from_parts(parts, body);
    };
    if first.as_ref().is_ok_and(|frame| frame.data_ref().is_some_and(names_endpoint)) {
        return refusal(
            StatusCode::NOT_IMPLEMENTED,
            "the HTTP+SSE transport of 2024-11-05 is not supported; use the server's Streamable HTTP endpoint, and \
             add one if the server has none",
        );
    }
    let rest = stream::once(std::future::ready(first)).chain(BodyStream::new(body));
    Response::from_parts(parts, Body::new(StreamBody::new(rest)))
}

fn is_events(kind: &str) -> bool {
    kind.contains("text/event-stream")
}

/// Whether a stream begins with the event that names the address for messages.
fn names_endpoint(begin: &Bytes) -> bool {
    let Ok(text) = std::str::from_utf8(begin) else { return false };
    let line = text.trim_start_matches('\u{feff}').lines().find(|line| !line.is_empty() && !line.starts_with(':'));
    line.and_then(|line| line.strip_prefix("event:")).is_some_and(|name| name.trim() == "endpoint")
}
