//! Handing a request on to its upstream, and the answer back, without touching what is in them.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::head::Unreached;
use super::lent::Lent;
use super::proxy::ProxyOptions;
use super::sign_in::refusal;
use super::upstream::Upstream;

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
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
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
        request.extensions_mut().clear();
        end_to_end(request.headers_mut());
        if upstream.is_tls() {
            // Set again by the client, from the target: a server behind TLS expects its own name.
            request.headers_mut().remove(header::HOST);
        }
        let (parts, body) = request.into_parts();
        let body = Lent::new(body);
        match self.answer(upstream, Request::from_parts(parts, body.clone())).await {
            Ok(response) => back(response),
            Err(failure) => {
                body.read_on().await;
                failure.response(upstream)
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
    fn response(self, upstream: &Upstream) -> Response<Body> {
        let name = upstream.name();
        let (status, unreached, what) = match &self {
            Self::Certificates => (
                StatusCode::BAD_GATEWAY,
                Unreached::Connection,
                "cannot be reached: this machine trusts no certificates",
            ),
            Self::Silent => (StatusCode::GATEWAY_TIMEOUT, Unreached::Timeout, "does not answer in time"),
            Self::Client(error) if timed_out(error) => {
                (StatusCode::GATEWAY_TIMEOUT, Unreached::Timeout, "cannot be reached in time")
            }
            Self::Client(error) if error.is_connect() => {
                (StatusCode::BAD_GATEWAY, Unreached::Connection, "cannot be reached")
            }
            Self::Client(_) => (StatusCode::BAD_GATEWAY, Unreached::Connection, "broke off before it answered"),
        };
        if let Self::Client(error) = &self {
            tracing::warn!(upstream = name, url = %upstream.url(), error = error as &dyn std::error::Error, "an upstream did not answer");
        }
        let mut response =
            refusal(status, &format!("the MCP server {name:?} {what}; check that it runs and that its URL is right"));
        response.extensions_mut().insert(unreached);
        response
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

fn back(response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    end_to_end(&mut parts.headers);
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
