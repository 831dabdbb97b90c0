//! OAuth through a proxy with `--open`: a client discovers and uses a protected upstream under the proxy's address, and
//! each step is an entry.
//!
//! A client compares the resource in the server's metadata with the URL that it was given, which is the proxy's. So the
//! proxy maps the addresses in an upstream's documents: the resource is at `/mcp/NAME`, and an authorization server on
//! the upstream's host is at `/oauth/NAME`. In requests, the proxy maps `resource` back. An authorization server on
//! another host is not mapped, and the proxy does not see its steps.

mod endpoints;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http_body_util::{BodyExt, Limited};
use mcp_audit_log_service::AuditLog;

use super::Proxy;
use super::forward::Purpose;
use super::location::PublicAddress;
use super::oauth::endpoints::Endpoints;
use super::oauth::step::Step;
use super::sign_in::refusal;
use super::upstream::Upstream;

/// Longest document, and longest body of a request or answer that is read.
const BODY: usize = 256 << 10;
/// The well-known names of metadata documents on an upstream's own host.
const WELL_KNOWN: [&str; 2] = ["oauth-authorization-server", "openid-configuration"];

/// The state of the routes.
pub(crate) struct Oauth {
    log: AuditLog,
    proxy: Arc<Proxy>,
    known: BTreeMap<String, Endpoints>,
}

/// The routes.
pub(crate) fn router(log: AuditLog, proxy: Arc<Proxy>) -> Router {
    let known = proxy.upstreams.keys().map(|name| (name.clone(), Endpoints::default())).collect();
    let path = proxy.path.clone();
    Router::new()
        .route(&format!("/.well-known/oauth-protected-resource{path}/mcp/{{*rest}}"), any(resource))
        .route(&format!("/.well-known/oauth-authorization-server{path}/oauth/{{*rest}}"), any(server))
        .route(&format!("/.well-known/openid-configuration{path}/oauth/{{*rest}}"), any(server))
        .route(&format!("{path}/oauth/{{*rest}}"), any(endpoint))
        .with_state(Arc::new(Oauth { log, proxy, known }))
}

/// The metadata of a protected resource (RFC 9728).
async fn resource(State(oauth): State<Arc<Oauth>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (name, inside) = split(oauth.behind(&path, "/.well-known/oauth-protected-resource", "/mcp/"));
    oauth.discover(name, request.map(drop), async |upstream, door| oauth.resource(upstream, door, inside).await).await
}

/// An authorization server on an upstream's host (RFC 8414, OpenID Connect Discovery).
async fn server(State(oauth): State<Arc<Oauth>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some(kind) = WELL_KNOWN.iter().find(|kind| path.starts_with(&format!("/.well-known/{kind}/"))) else {
        return nothing();
    };
    let (name, inside) = split(oauth.behind(&path, &format!("/.well-known/{kind}"), "/oauth/"));
    let wanted = format!("/.well-known/{kind}{}", inside.trim_end_matches('/'));
    oauth.discover(name, request.map(drop), async |upstream, door| oauth.server(upstream, door, &wanted).await).await
}

/// One of its endpoints, or its document at OpenID Connect's older path.
async fn endpoint(State(oauth): State<Arc<Oauth>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (name, inside) = split(oauth.behind(&path, "", "/oauth/"));
    if inside.ends_with("/.well-known/openid-configuration") {
        let found = async |upstream: &Upstream, door: &PublicAddress| oauth.server(upstream, door, inside).await;
        return oauth.discover(name, request.map(drop), found).await;
    }
    let Some(upstream) = oauth.proxy.upstreams.get(name) else { return nothing() };
    let Some(door) = oauth.door(&request, name) else { return no_address() };
    oauth.pass(upstream, &door, inside, request).await
}

/// From `NAME/rest` to name and `/rest`.
fn split(path: &str) -> (&str, &str) {
    path.split_at(path.find('/').unwrap_or(path.len()))
}

fn nothing() -> Response {
    refusal(StatusCode::NOT_FOUND, "unknown OAuth document or endpoint; check the path")
}

fn no_address() -> Response {
    refusal(StatusCode::BAD_REQUEST, "the request has no Host header; send one")
}

impl Oauth {
    /// What follows the place, the proxy's own path and the folder in `path`.
    fn behind<'a>(&self, path: &'a str, place: &str, folder: &str) -> &'a str {
        let rest = path.strip_prefix(place).and_then(|rest| rest.strip_prefix(&self.proxy.path));
        rest.and_then(|rest| rest.strip_prefix(folder)).unwrap_or_default()
    }

    fn door<B>(&self, request: &axum::http::Request<B>, name: &str) -> Option<PublicAddress> {
        Some(self.proxy.door(request, name)).filter(|door| door.public.is_some())
    }

    /// Answers with a document, and records the request.
    async fn discover<F>(&self, name: &str, request: axum::http::Request<()>, find: F) -> Response
    where
        F: AsyncFnOnce(&Upstream, &PublicAddress) -> Result<serde_json::Value, Response>,
    {
        let mut step = Step::begin(&self.log, &request, name, "oauth.discover");
        let response = match (self.proxy.upstreams.get(name), self.door(&request, name)) {
            _ if !matches!(*request.method(), Method::GET | Method::HEAD) => {
                refusal(StatusCode::METHOD_NOT_ALLOWED, "this OAuth document is read-only; use GET")
            }
            (None, _) => nothing(),
            (_, None) => no_address(),
            (Some(upstream), Some(door)) => match find(upstream, &door).await {
                Ok(document) => {
                    let headers = [
                        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                    ];
                    (headers, document.to_string()).into_response()
                }
                Err(refused) => refused,
            },
        };
        step.end(response.status());
        response
    }

    async fn resource(
        &self,
        upstream: &Upstream,
        door: &PublicAddress,
        inside: &str,
    ) -> Result<serde_json::Value, Response> {
        let mut document = self.resource_of(upstream, inside).await?;
        endpoints::map_resource(&mut document, upstream, door, inside);
        Ok(document)
    }

    async fn server(
        &self,
        upstream: &Upstream,
        door: &PublicAddress,
        path: &str,
    ) -> Result<serde_json::Value, Response> {
        let mut document = self.document(upstream, path).await?;
        endpoints::map_server(&mut document, upstream, door);
        Ok(document)
    }

    /// The upstream's metadata of its resource: at the location for its path, or for its host.
    async fn resource_of(&self, upstream: &Upstream, inside: &str) -> Result<serde_json::Value, Response> {
        const PLACE: &str = "/.well-known/oauth-protected-resource";
        let path = format!("{PLACE}{}{inside}", upstream.url().path().trim_end_matches('/'));
        match self.document(upstream, &path).await {
            Err(refused) if refused.status() == StatusCode::NOT_FOUND && path != PLACE => {
                self.document(upstream, PLACE).await
            }
            found => found,
        }
    }

    /// A document of JSON on the upstream's host.
    async fn document(&self, upstream: &Upstream, path: &str) -> Result<serde_json::Value, Response> {
        let target = upstream.elsewhere(path, None).ok_or_else(nothing)?;
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.proxy.forwarder.send(upstream, Purpose::Oauth, &target, request).await;
        let (parts, body) = response.into_parts();
        match parts.status {
            StatusCode::OK => {}
            status if status.is_server_error() => return Err(Response::from_parts(parts, body)),
            _ => return Err(nothing()),
        }
        let read = read(body).await.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let no_document = "the MCP server's OAuth metadata cannot be read: it is not JSON, or too long";
        read.ok_or_else(|| refusal(StatusCode::BAD_GATEWAY, no_document))
    }

    /// Forwards a request to an endpoint.
    async fn pass(&self, upstream: &Upstream, door: &PublicAddress, path: &str, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let head = axum::http::Request::from_parts(parts.clone(), ());
        let Some((action, own)) = self.endpoint(upstream, path).await else {
            let mut step = Step::begin(&self.log, &head, upstream.name(), "oauth.requested");
            step.end(StatusCode::NOT_FOUND);
            return nothing();
        };
        let mut step = Step::begin(&self.log, &head, upstream.name(), action);
        let Some(body) = read(body).await else {
            step.end(StatusCode::BAD_REQUEST);
            return refusal(StatusCode::BAD_REQUEST, "the body ended early, or is longer than an OAuth request may be");
        };
        step.asked(&parts.headers, parts.uri.query(), &body);
        let public = door.resource();
        let query = parts.uri.query().map(|query| endpoints::with_resource(query, &public, &own));
        let body = match endpoints::is_form(&parts.headers) {
            true => std::str::from_utf8(&body).ok().map(|form| endpoints::with_resource(form, &public, &own)),
            false => None,
        }
        .map_or(body.clone(), Bytes::from);
        let Some(target) = upstream.elsewhere(path, query.as_deref()) else { return nothing() };
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if body.is_empty() && parts.method.is_safe() {
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        parts.headers.remove(header::TRANSFER_ENCODING);
        // What is read here must be readable.
        parts.headers.remove(header::ACCEPT_ENCODING);
        self.proxy.vouch(&mut parts.headers, upstream);
        let request = Request::from_parts(parts, Body::from(body));
        let response = self.proxy.forwarder.send(upstream, Purpose::Oauth, &target, request).await;
        self.answered(upstream, door, &target, step, response).await
    }

    /// The answer, as the client gets it.
    async fn answered(
        &self,
        upstream: &Upstream,
        door: &PublicAddress,
        target: &Uri,
        mut step: Step,
        response: Response,
    ) -> Response {
        let (mut parts, body) = response.into_parts();
        endpoints::map_location(&mut parts.headers, upstream, door, target);
        endpoints::let_forms(&mut parts.headers);
        step.redirected(&parts.headers);
        if !is_json(&parts.headers) {
            step.end(parts.status);
            return Response::from_parts(parts, body);
        }
        let Some(body) = read(body).await else {
            step.end(StatusCode::BAD_GATEWAY);
            return refusal(StatusCode::BAD_GATEWAY, "the authorization server's response ended early, or is too long");
        };
        step.answered(parts.status, &body);
        step.end(parts.status);
        Response::from_parts(parts, Body::from(body))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.contains("json"))
}

async fn read(body: Body) -> Option<Bytes> {
    Limited::new(body, BODY).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// The path of a request as it was sent.
fn path<B>(request: &axum::http::Request<B>) -> &str {
    request.extensions().get::<OriginalUri>().map_or(request.uri().path(), |OriginalUri(uri)| uri.path())
}
