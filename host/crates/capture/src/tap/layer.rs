//! The tower layer: put around an MCP endpoint, outside of its sign-in, it records what passes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::{Method, Request, Response, Uri, request};
use bytes::Bytes;
use http_body::Body;
use mcp_audit_log_service::AuditLog;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{RequestBody, ResponseBody};
use super::exchange::End;
use super::observer::{Ending, Observer};
use crate::api::ApiLayer;
use crate::mcp::sessions::Sessions;

/// Records the MCP traffic of the wrapped service. Nothing is changed, delayed or refused.
///
/// It belongs outside of the sign-in, so that refused requests are recorded too. Each request carries a
/// [`crate::CallerSlot`] in its extensions for the sign-in to fill, a [`crate::CallId`] for the
/// handler, and a [`crate::FailureSlot`] for a proxy that forwards the request.
///
/// ```no_run
/// # // As the façade names them.
/// # mod mcp_audit_log { pub use {mcp_audit_log_capture as capture, mcp_audit_log_service::*}; }
/// # fn routes() -> axum::Router { axum::Router::new() }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = mcp_audit_log::Options::new("mcp-audit-log-data").open()?;
/// let app = routes().layer(mcp_audit_log::capture::AuditLayer::new(log, "github"));
/// # let _: axum::Router = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AuditLayer {
    log: AuditLog,
    sessions: Arc<Sessions>,
    server: Server,
}

/// Where the server's name comes from.
#[derive(Clone)]
enum Server {
    Fixed(Arc<str>),
    FromPath(fn(&Uri) -> Arc<str>),
}

impl AuditLayer {
    /// Records into `log`, as traffic of the MCP server that the log calls `server`.
    pub fn new(log: AuditLog, server: &str) -> Self {
        Self::with(log, Server::Fixed(server.into()))
    }

    /// Records into `log`, as traffic of the MCP server that a request's URI names.
    pub(crate) fn named_by(log: AuditLog, server: fn(&Uri) -> Arc<str>) -> Self {
        Self::with(log, Server::FromPath(server))
    }

    fn with(log: AuditLog, server: Server) -> Self {
        let sessions = Arc::new(Sessions::new(&log));
        Self { log, sessions, server }
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        Audited { inner, watcher: Recording::Mcp(self.clone()) }
    }
}

/// A service whose traffic is recorded.
#[derive(Clone)]
pub struct Audited<S> {
    inner: S,
    watcher: Recording,
}

/// As what its traffic is recorded.
#[derive(Clone)]
enum Recording {
    Mcp(AuditLayer),
    Api(ApiLayer),
}

impl<S> Audited<S> {
    /// A vendor's own API.
    pub(crate) fn api(inner: S, layer: ApiLayer) -> Self {
        Self { inner, watcher: Recording::Api(layer) }
    }
}

impl Recording {
    fn begin(&self, parts: &mut request::Parts) -> Observer {
        match self {
            Self::Mcp(layer) => layer.begin(parts),
            Self::Api(layer) => layer.begin(parts),
        }
    }
}

impl AuditLayer {
    fn begin(&self, parts: &mut request::Parts) -> Observer {
        let server = match &self.server {
            Server::Fixed(name) => Arc::clone(name),
            Server::FromPath(name) => name(&parts.uri),
        };
        let (observer, call) = Observer::begin(&self.log, &self.sessions, parts, server);
        parts.extensions.insert(call);
        // For strict recording, which stands inside of the sign-in.
        parts.extensions.insert(observer.clone());
        observer
    }
}

impl<S, B, R> Service<Request<B>> for Audited<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = Responding<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let observer = self.watcher.begin(&mut parts);
        parts.extensions.insert(observer.caller());
        parts.extensions.insert(observer.failure());
        let is_head = parts.method == Method::HEAD;
        // Made before the service is called: it may panic in there.
        let ending = Ending::new(observer.clone());
        let inner = self.inner.call(Request::from_parts(parts, RequestBody::new(body, observer)));
        Responding { inner, ending, is_head }
    }
}

pin_project! {
    /// The response that is to come.
    pub struct Responding<F> {
        #[pin]
        inner: F,
        ending: Ending,
        is_head: bool,
    }
}

impl<F, R, E> Future for Responding<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.inner.poll(context)) {
            Ok(response) => response,
            Err(error) => {
                this.ending.is(End::Broken);
                return Poll::Ready(Err(error));
            }
        };
        let (parts, body) = response.into_parts();
        if let Some(observer) = this.ending.observer() {
            observer.head(&parts);
        }
        let headless = *this.is_head || matches!(parts.status.as_u16(), 204 | 304);
        let body = ResponseBody::new(body, this.ending.pass_on(), headless);
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}
