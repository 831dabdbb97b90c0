//! Middleware: trusted proxies, security headers, and CORS.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use mcp_audit_log_identity::{Origins, TrustedProxies, VouchedUser};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// The time that a browser may cache a preflight answer.
const AGE: Duration = Duration::from_secs(600);

/// Lets scripts of these origins call `router` and read its refusals. They must send a token, because cookies are not
/// allowed. Put this layer outermost, so that a preflight needs no sign-in.
pub fn allow_origins(router: Router, origins: &Origins) -> Router {
    let list: Vec<_> = origins.iter().map(|origin| origin.value().clone()).collect();
    if list.is_empty() {
        return router;
    }
    let exposed = [
        HeaderName::from_static("mcp-session-id"),
        HeaderName::from_static("mcp-protocol-version"),
        header::WWW_AUTHENTICATE,
        header::RETRY_AFTER,
        header::CONTENT_DISPOSITION,
    ];
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(list))
        .allow_methods(methods)
        // Clients name headers after a tool's parameters (Mcp-Param-…), so there is no list of them.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(AGE);
    router.layer(layer)
}

/// Scripts and styles come only from this site's own files. So even a recorded value that slips through the escaping
/// cannot run.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const SAME_SITE_ONLY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Adds the security headers. Answers are not cached unless they allow it.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Lets the server recognise links from its own pages where a browser sends no other header.
        (REFERRER_POLICY, "same-origin"),
        (SAME_SITE_ONLY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Applies the trusted proxies of `front` to the whole `router`. Put this layer outermost, next to the server:
/// everything inside relies on the headers that it removes or adds.
pub fn behind_proxies(router: Router, front: TrustedProxies) -> Router {
    router.layer(from_fn_with_state(front, look))
}

async fn look(State(front): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    match peer.filter(|peer| front.trusts(peer.ip())) {
        Some(peer) => {
            let client = front.client(peer.ip(), request.headers());
            // Its port is not known.
            let port = if client == peer.ip() { peer.port() } else { 0 };
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, port)));
            match front.person(request.headers()) {
                Some(person) => drop(request.extensions_mut().insert(VouchedUser(person))),
                // Nothing inside may trust these headers.
                None => front.strip(request.headers_mut()),
            }
        }
        None => front.strip(request.headers_mut()),
    }
    next.run(request).await
}
