//! Handing a request on to its upstream, and the answer back, without touching what is in them.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::lent::Lent;
use super::proxy::ProxyOptions;
use super::sign_in::refusal;
use super::transport::{FailureSlot, Transport};
use super::upstream::Upstream;
use crate::identity::SESSION_COOKIE;

/// How long an unused connection is kept: shorter than the five seconds after which the servers of Node and uvicorn hang
/// up, so that no request meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(3);

/// Headers that are between two neighbours and not for the far end.
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

/// How many headers a request or response may have; hyper's own limit of 100 would refuse what passes without a proxy.
const HEADERS: usize = 1_000;

/// The way to the upstreams. Connections are shared and kept for a short while.
pub(super) struct Forwarder {
    plain: Client<HttpConnector, Lent>,
    /// `None` when this machine has no certificates to trust.
    tls: Option<Client<HttpsConnector<HttpConnector>, Lent>>,
    head_timeout: Option<Duration>,
}

impl Forwarder {
    pub(super) fn new(options: ProxyOptions, tls: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(options.connect_timeout));
        connector.enforce_http(false);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).http1_max_headers(HEADERS);
        let tls = tls.then(|| HttpsConnectorBuilder::new().with_native_roots()).and_then(|roots| match roots {
            Ok(roots) => Some(builder.build(roots.https_or_http().enable_http1().wrap_connector(connector.clone()))),
            Err(error) => {
                tracing::error!(%error, "no https upstream can be reached: there are no certificates to trust");
                None
            }
        });
        Self { plain: builder.build(connector), tls, head_timeout: options.head_timeout }
    }

    /// Sends the request to `target`, which is of `upstream`.
    pub(super) async fn send(&self, upstream: &Upstream, target: Uri, mut request: Request<Body>) -> Response<Body> {
        *request.uri_mut() = target;
        *request.version_mut() = Version::HTTP_11;
        let slot = request.extensions_mut().remove::<FailureSlot>().unwrap_or_default();
        request.extensions_mut().clear();
        end_to_end(request.headers_mut());
        keep_session(request.headers_mut());
        let by_browser = wants_page(request.headers());
        if upstream.is_tls() {
            // Set again by the client, from the target: a server behind TLS expects its own name.
            request.headers_mut().remove(header::HOST);
        }
        let (parts, body) = request.into_parts();
        let body = Lent::new(body);
        match self.answer(upstream, Request::from_parts(parts, body.clone())).await {
            Ok(response) => back(response, by_browser),
            Err(failure) => {
                body.read_on().await;
                failure.response(upstream, &slot)
            }
        }
    }

    async fn answer(&self, upstream: &Upstream, request: Request<Lent>) -> Result<Response<Incoming>, Failure> {
        let sent = match &self.tls {
            Some(client) if upstream.is_tls() => client.request(request),
            None if upstream.is_tls() => return Err(Failure::Certificates),
            _ => self.plain.request(request),
        };
        let answer = match self.head_timeout {
            Some(limit) => tokio::time::timeout(limit, sent).await.map_err(|_| Failure::Silent)?,
            None => sent.await,
        };
        answer.map_err(Failure::Client)
    }
}

/// Why there is no answer.
enum Failure {
    Client(hyper_util::client::legacy::Error),
    Silent,
    Certificates,
}

impl Failure {
    /// The proxy's own answer. Details stand in the log of the process only: they tell where the upstream is.
    fn response(self, upstream: &Upstream, slot: &FailureSlot) -> Response<Body> {
        let name = upstream.name();
        let (status, failed, what) = match &self {
            Self::Certificates => (
                StatusCode::BAD_GATEWAY,
                Transport::ProxyNoCertificates,
                "cannot be reached: this machine trusts no certificates",
            ),
            Self::Silent => {
                (StatusCode::GATEWAY_TIMEOUT, Transport::UpstreamFirstByteTimeout, "does not answer in time")
            }
            Self::Client(error) if timed_out(error) => {
                (StatusCode::GATEWAY_TIMEOUT, Transport::UpstreamConnectTimeout, "cannot be reached in time")
            }
            Self::Client(error) if error.is_connect() => {
                (StatusCode::BAD_GATEWAY, Transport::UpstreamUnreachable, "cannot be reached")
            }
            Self::Client(_) => (StatusCode::BAD_GATEWAY, Transport::UpstreamClosed, "broke off before it answered"),
        };
        if let Self::Client(error) = &self {
            tracing::warn!(upstream = name, url = %upstream.url(), error = error as &dyn std::error::Error, "an upstream did not answer");
        }
        slot.set(failed);
        refusal(status, &format!("the MCP server {name:?} {what}; check that it runs and that its URL is right"))
    }
}

fn timed_out(error: &hyper_util::client::legacy::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            return true;
        }
        source = error.source();
    }
    false
}

fn back(response: Response<Incoming>, by_browser: bool) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    end_to_end(&mut parts.headers);
    leave_session(&mut parts.headers);
    confine(&mut parts.headers, by_browser);
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    Response::from_parts(parts, Body::new(body))
}

/// Drops what is hop by hop: the known headers and those that `Connection` names.
fn end_to_end(headers: &mut HeaderMap) {
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

// An upstream's answers come from the origin of the log's own pages, so a browser that is signed in there would take the
// two for one. Three things keep them apart: the session's cookie never reaches an upstream, no upstream sets it, and
// what a browser could run is confined to an origin of its own. MCP itself is left as it is: its answers are JSON or
// events, which a browser does not run, and its clients have no session.

/// Removes the session's cookie from a request. Other cookies stay byte for byte.
fn keep_session(headers: &mut HeaderMap) {
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

/// Drops what would set the session's cookie in the browser.
fn leave_session(headers: &mut HeaderMap) {
    let is_session = |line: &HeaderValue| cookie_name(line.as_bytes()) == SESSION_COOKIE.as_bytes();
    let lines: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    if lines.iter().any(is_session) {
        headers.remove(header::SET_COOKIE);
        for line in lines.into_iter().filter(|line| !is_session(line)) {
            headers.append(header::SET_COOKIE, line);
        }
    }
}

/// The name of the cookie that a pair comes back with: one without a name (`=a=b`) is sent as `a=b`.
fn cookie_name(pair: &[u8]) -> &[u8] {
    let begin = pair.iter().position(|byte| !matches!(byte, b'=' | b' ' | b'\t')).unwrap_or(pair.len());
    let pair = pair.get(begin..).unwrap_or_default();
    pair.split(|byte| matches!(byte, b'=' | b';')).next().unwrap_or_default().trim_ascii()
}

/// Whether it is a browser that asks for a page.
fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| has(value, "text/html"))
}

/// Takes the log's origin from documents that can run scripts, and from those whose kind a browser would guess.
fn confine(headers: &mut HeaderMap, by_browser: bool) {
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

/// Whether a header's value contains `part`, which is in lower case.
fn has(value: &HeaderValue, part: &str) -> bool {
    value.as_bytes().to_ascii_lowercase().windows(part.len()).any(|window| window == part.as_bytes())
}
