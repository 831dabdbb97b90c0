//! The changes to the heads of requests and responses in the proxy. There are only as many as keep connections,
//! sessions and origins apart.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use mcp_audit_log_identity::SESSION_COOKIE;

/// Headers for the next hop only, not for the server.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Removes hop-by-hop headers: the known ones, and those named in `Connection`.
pub(crate) fn end_to_end(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP).chain([&PROXY_CONNECTION]) {
        headers.remove(name);
    }
}

// An upstream's answers have the same origin as the log's own pages, so a signed-in browser would confuse the two.
// Three rules keep them apart: the session cookie never reaches an upstream, no upstream can set it, and anything that
// a browser could run gets its own origin. MCP itself is unaffected: its answers are JSON or events, which a browser
// does not run, and its clients have no session.

/// Removes the session's cookie from a request. Other cookies stay byte for byte.
pub(crate) fn keep_session(headers: &mut HeaderMap) {
    let is_session = |pair: &&[u8]| cookie_name(pair) == SESSION_COOKIE.as_bytes();
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    if !lines.iter().any(|line| line.as_bytes().split(|byte| *byte == b';').any(|pair| is_session(&pair))) {
        return;
    }
    headers.remove(header::COOKIE);
    for line in lines {
        let pairs = line.as_bytes().split(|byte| *byte == b';');
        let rest = pairs.filter(|pair| !is_session(pair)).collect::<Vec<_>>().join(&b';');
        if !rest.trim_ascii().is_empty()
            && let Ok(rest) = HeaderValue::from_bytes(rest.trim_ascii_start())
        {
            headers.append(header::COOKIE, rest);
        }
    }
}

/// Drops headers that would set the session's cookie in the browser.
pub(crate) fn leave_session(headers: &mut HeaderMap) {
    let is_session = |line: &HeaderValue| cookie_name(line.as_bytes()) == SESSION_COOKIE.as_bytes();
    let lines: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    if lines.iter().any(is_session) {
        headers.remove(header::SET_COOKIE);
        for line in lines.into_iter().filter(|line| !is_session(line)) {
            headers.append(header::SET_COOKIE, line);
        }
    }
}

/// The name of a cookie as the browser sends it back: a cookie without a name (`=a=b`) is sent as `a=b`.
fn cookie_name(pair: &[u8]) -> &[u8] {
    let begin = pair.iter().position(|byte| !matches!(byte, b'=' | b' ' | b'\t')).unwrap_or(pair.len());
    let pair = pair.get(begin..).unwrap_or_default();
    pair.split(|byte| matches!(byte, b'=' | b';')).next().unwrap_or_default().trim_ascii()
}

/// Whether a browser requests a page.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| has(value, "text/html"))
}

/// Sandboxes documents that can run scripts, and documents whose type a browser would guess.
pub(crate) fn confine(headers: &mut HeaderMap, by_browser: bool) {
    let types = headers.get_all(header::CONTENT_TYPE);
    let runs = |value| ["html", "xml", "multipart/"].iter().any(|part| has(value, part));
    let guessed = |value| ["*/*", "unknown"].iter().any(|part| has(value, part)) || !has(value, "/");
    let known = types.iter().any(|value| !guessed(value));
    if types.iter().any(runs) || (by_browser && !known) {
        // Beside a policy of the upstream's own: a browser keeps to both.
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// Whether a header's value contains `part`, which must be in lower case.
fn has(value: &HeaderValue, part: &str) -> bool {
    value.as_bytes().to_ascii_lowercase().windows(part.len()).any(|window| window == part.as_bytes())
}
