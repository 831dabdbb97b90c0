//! The reverse proxy: several MCP servers at one address; each call is authenticated, forwarded and recorded.

pub(crate) mod additions;
pub(crate) mod answer;
pub(crate) mod connect;
pub(crate) mod expiry;
pub(crate) mod forward;
pub(crate) mod headers;
pub(crate) mod location;
pub(crate) mod oauth;
pub(crate) mod old_transport;
pub(crate) mod pool;
pub(crate) mod shared_body;
pub(crate) mod sign_in;
pub(crate) mod timeouts;
/// The MCP servers behind the proxy.
pub mod upstream;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use mcp_audit_log_identity::{Lease, Origin, Origins};
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_service::AuditLog;

use super::proxy::forward::{Forwarder, Purpose};
use super::proxy::location::{PublicAddress, rechallenge, relocate};
use super::proxy::shared_body::read_beginning;
use super::proxy::sign_in::{refusal, signed_out};
use super::proxy::upstream::{HostHeader, NAME, Upstream};
use super::strict::record_intent;
use crate::mcp::layer::AuditLayer;
use crate::tap::transport::FailureSlot;

pub use super::proxy::sign_in::SignIn;
pub use super::proxy::timeouts::Timeouts;

/// The options of the proxy.
#[derive(Clone, Debug, Default)]
pub struct ProxyOptions {
    /// The timeouts of upstreams without their own.
    pub timeouts: Timeouts,
    /// The sites whose pages may call through an open proxy. `http::allow_origins` allows them in browsers.
    pub origins: Origins,
    /// The proxy's public address; by default the request's `Host`.
    pub public: Option<Origin>,
    /// Whether clients use https, if no header shows it.
    pub https: bool,
    /// The path below which everything is served, such as `/audit`; by default the root. Merge the router, and do not
    /// nest it: documents about OAuth have their places at the root.
    pub path: String,
}

pub(super) struct Proxy {
    pub(super) upstreams: BTreeMap<String, Upstream>,
    pub(super) forwarder: Forwarder,
    sign_in: SignIn,
    origins: Origins,
    public: Option<Origin>,
    https: bool,
    /// Empty, or with a slash in front and none at its end.
    path: String,
}

/// Serves each upstream at `/mcp/NAME` and below, and records the traffic. If two upstreams have the same name, the
/// last one counts. To get the addresses of callers, serve it with
/// [`axum::Router::into_make_service_with_connect_info`] of [`std::net::SocketAddr`].
pub fn router(log: AuditLog, upstreams: Vec<Upstream>, sign_in: SignIn) -> Router {
    router_with(log, upstreams, sign_in, ProxyOptions::default())
}

/// The same with other options.
pub fn router_with(log: AuditLog, upstreams: Vec<Upstream>, sign_in: SignIn, options: ProxyOptions) -> Router {
    let server = |uri: &Uri| prefix(split(uri).0, NAME).to_owned().into();
    let open = matches!(sign_in, SignIn::Open(_));
    let proxy = proxy(upstreams, sign_in, options);
    let router = routes(Arc::clone(&proxy)).route_layer(AuditLayer::named_by(log.clone(), server));
    let router = if proxy.path.is_empty() { router } else { Router::new().nest(&proxy.path, router) };
    // If the proxy signs callers in itself, an upstream never sees the caller, so it needs no sign-in.
    if open { router.merge(oauth::router(log, proxy)) } else { router }
}

/// The proxy without its layer. It records nothing; benchmarks compare it with the recording proxy.
#[doc(hidden)]
pub fn unrecorded(upstreams: Vec<Upstream>, sign_in: SignIn, options: ProxyOptions) -> Router {
    routes(proxy(upstreams, sign_in, options))
}

fn proxy(upstreams: Vec<Upstream>, sign_in: SignIn, options: ProxyOptions) -> Arc<Proxy> {
    let ProxyOptions { timeouts, origins, public, https, path } = options;
    let path = path.trim_matches('/');
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let forwarder = Forwarder::new(timeouts, upstreams.iter());
    let upstreams = upstreams.into_iter().map(|upstream| (upstream.name().to_owned(), upstream)).collect();
    Arc::new(Proxy { upstreams, forwarder, sign_in, origins, public, https, path })
}

fn routes(proxy: Arc<Proxy>) -> Router {
    Router::new()
        // All paths, so that a call to an unknown server is answered and recorded too.
        .route("/mcp", any(handle))
        .route("/mcp/", any(handle))
        .route("/mcp/{*rest}", any(handle))
        .with_state(proxy)
}

async fn handle(State(proxy): State<Arc<Proxy>>, mut request: Request) -> Response {
    match proxy.admit(&mut request).await {
        Ok((upstream, target)) => {
            let door = proxy.door(&request, upstream.name());
            let older = old_transport::may_begin(request.method(), request.headers());
            if upstream.is_strict() {
                request = match record_intent(request).await {
                    Ok(request) => request,
                    Err(refused) => return refused,
                };
            }
            proxy.vouch(request.headers_mut(), upstream);
            let lease = request.extensions_mut().remove::<Lease>();
            let slot = request.extensions().get::<FailureSlot>().cloned().unwrap_or_default();
            let sending = proxy.forwarder.send(upstream, Purpose::Mcp, &target, request);
            let mut response = expiry::within(lease, slot, sending, signed_out).await;
            relocate(response.headers_mut(), &door, upstream, &target);
            if proxy.is_open() {
                rechallenge(response.headers_mut(), &door);
            }
            if older { old_transport::refused(response).await } else { response }
        }
        Err(refused) => {
            read_beginning(request.body_mut()).await;
            refused
        }
    }
}

impl Proxy {
    /// The target of the request, or the answer to it.
    async fn admit(&self, request: &mut Request) -> Result<(&Upstream, Uri), Response> {
        self.sign_in.admit(request, &self.origins).await?;
        // A tunnel has no messages that could be recorded, and the answer to TRACE repeats what the proxy sent.
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            let detail = format!(
                "{} is not supported: this is a reverse proxy; send MCP requests to /mcp/NAME",
                request.method()
            );
            let allow = (header::ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
            return Err(([allow], refusal(StatusCode::METHOD_NOT_ALLOWED, &detail)).into_response());
        }
        let (name, rest) = split(request.uri());
        let upstream = self.upstreams.get(name).ok_or_else(|| self.unknown())?;
        let out =
            || refusal(StatusCode::BAD_REQUEST, "the path leaves the MCP server's URL; remove .. and backslashes");
        let target = upstream.target(rest, request.uri().query()).ok_or_else(out)?;
        Ok((upstream, target))
    }

    fn is_open(&self) -> bool {
        matches!(self.sign_in, SignIn::Open(_))
    }

    /// The public address of the upstream called `name`, for this request.
    pub(super) fn door<B>(&self, request: &axum::http::Request<B>, name: &str) -> PublicAddress {
        let said = || {
            let host = request.headers().get(header::HOST)?.to_str().ok()?;
            let host = host.parse::<axum::http::uri::Authority>().ok().filter(|host| !host.as_str().contains('@'))?;
            Some(format!("{}://{host}", if self.https { "https" } else { "http" }))
        };
        let public = self.public.as_ref().map(ToString::to_string).or_else(said);
        PublicAddress::of(request, name, public, &self.path)
    }

    /// Sets the `Origin` that the upstream gets. An upstream accepts only the origins of its own pages, so the proxy
    /// removes an origin that it has accepted itself. The upstream decides about any other.
    pub(super) fn vouch(&self, headers: &mut HeaderMap, upstream: &Upstream) {
        if upstream.host_header() == HostHeader::Upstream && self.origins.accept(headers) {
            headers.remove(header::ORIGIN);
        }
    }

    fn unknown(&self) -> Response {
        let names: Vec<_> = self.upstreams.keys().map(String::as_str).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        refusal(StatusCode::NOT_FOUND, &format!("unknown MCP server; known servers: {known}"))
    }
}

/// Splits `/mcp/NAME/rest` into the name and `/rest`, both in their raw form.
fn split(uri: &Uri) -> (&str, &str) {
    let path = uri.path().strip_prefix("/mcp/").unwrap_or_default();
    path.split_at(path.find('/').unwrap_or(path.len()))
}
