//! The reverse proxy: several MCP servers behind one address, each call signed in, handed on and recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::any;

use super::forward::Forwarder;
use super::layer::AuditLayer;
use super::lent::read_beginning;
use super::sign_in::refusal;
use super::upstream::{NAME, Upstream};
use crate::AuditLog;

pub use super::sign_in::SignIn;

/// How the proxy waits. There is no limit on a whole exchange: streams live long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyOptions {
    /// How long connecting to an upstream may take.
    pub connect_timeout: Duration,
    /// How long an upstream may take until its response begins; `None` for as long as it likes.
    pub head_timeout: Option<Duration>,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), head_timeout: None }
    }
}

struct Proxy {
    upstreams: BTreeMap<String, Upstream>,
    sign_in: SignIn,
    forwarder: Forwarder,
}

/// Serves each upstream at `/mcp/NAME` and below, and records what passes. Of two upstreams with one name the last
/// counts. To know the addresses of its callers it must be served with
/// [`axum::Router::into_make_service_with_connect_info`] of [`std::net::SocketAddr`].
pub fn router(log: AuditLog, upstreams: Vec<Upstream>, sign_in: SignIn) -> Router {
    router_with(log, upstreams, sign_in, ProxyOptions::default())
}

/// The same with other times to wait.
pub fn router_with(log: AuditLog, upstreams: Vec<Upstream>, sign_in: SignIn, options: ProxyOptions) -> Router {
    let server = |uri: &Uri| split(uri).0.chars().take(NAME).collect::<String>().into();
    unrecorded(upstreams, sign_in, options).route_layer(AuditLayer::named_by(log, server))
}

/// The proxy without its layer, against which the benchmarks measure what recording costs. Nothing is recorded here.
#[doc(hidden)]
pub fn unrecorded(upstreams: Vec<Upstream>, sign_in: SignIn, options: ProxyOptions) -> Router {
    let forwarder = Forwarder::new(options, upstreams.iter().any(Upstream::is_tls));
    let upstreams = upstreams.into_iter().map(|upstream| (upstream.name().to_owned(), upstream)).collect();
    let proxy = Arc::new(Proxy { upstreams, sign_in, forwarder });
    Router::new()
        // All of it, so that a call to no server is told so and recorded too.
        .route("/mcp", any(handle))
        .route("/mcp/", any(handle))
        .route("/mcp/{*rest}", any(handle))
        .with_state(proxy)
}

async fn handle(State(proxy): State<Arc<Proxy>>, mut request: Request) -> Response {
    match proxy.admit(&mut request).await {
        Ok((upstream, target)) => proxy.forwarder.send(upstream, target, request).await,
        Err(refused) => {
            read_beginning(request.body_mut()).await;
            refused
        }
    }
}

impl Proxy {
    /// Where the request goes, or the answer to it.
    async fn admit(&self, request: &mut Request) -> Result<(&Upstream, Uri), Response> {
        self.sign_in.admit(request).await?;
        let (name, rest) = split(request.uri());
        let upstream = self.upstreams.get(name).ok_or_else(|| self.unknown())?;
        let out =
            || refusal(StatusCode::BAD_REQUEST, "the path leads out of the MCP server; leave out .. and backslashes");
        let target = upstream.target(rest, request.uri().query()).ok_or_else(out)?;
        Ok((upstream, target))
    }

    fn unknown(&self) -> Response {
        let names: Vec<_> = self.upstreams.keys().map(String::as_str).collect();
        let known = if names.is_empty() { "there are none".to_owned() } else { names.join(", ") };
        refusal(StatusCode::NOT_FOUND, &format!("no MCP server of this name; known are: {known}"))
    }
}

/// From `/mcp/NAME/rest` to name and `/rest`, as they are written.
fn split(uri: &Uri) -> (&str, &str) {
    let path = uri.path().strip_prefix("/mcp/").unwrap_or_default();
    path.split_at(path.find('/').unwrap_or(path.len()))
}
