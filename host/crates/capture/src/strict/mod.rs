//! Strict recording: only recorded calls are forwarded. The intent of a call is durable before the call is forwarded.

mod held;
mod intent;
mod refused;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::strict::held::hold;
use super::strict::refused::Refused;
use crate::mcp::layer::McpTap;

/// Wraps an MCP server directly, inside of its sign-in and of [`super::AuditLayer`]: each request waits until an entry
/// with its intent is durable. A request that cannot be recorded is answered with 503, as an HTTP status and as a
/// JSON-RPC error, and the server never sees it.
///
/// Calls of many clients share commits, so the cost is the latency of one commit per call; throughput is unaffected.
///
/// ```no_run
/// # // As the façade names them.
/// # mod mcp_audit_log { pub use {mcp_audit_log_capture as capture, mcp_audit_log_service::*}; }
/// # fn mcp_server() -> axum::Router { axum::Router::new() }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_audit_log::capture::{AuditLayer, StrictLayer};
///
/// let log = mcp_audit_log::Options::new("mcp-audit-log-data").open()?;
/// let app = mcp_server().layer(StrictLayer).layer(AuditLayer::new(log, "payments"));
/// # let _: axum::Router = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct StrictLayer;

impl<S> Layer<S> for StrictLayer {
    type Service = Strict<S>;

    fn layer(&self, inner: S) -> Strict<S> {
        Strict { inner }
    }
}

/// A service that gets a request only after its intent is durable.
#[derive(Clone, Debug)]
pub struct Strict<S> {
    inner: S,
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S> Service<Request<Body>> for Strict<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone that was asked whether it is ready is the one that is called.
        let later = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, later);
        Box::pin(async move {
            match record_intent(request).await {
                Ok(request) => inner.call(request).await,
                Err(response) => Ok(response),
            }
        })
    }
}

/// Returns the request after its intent is durable, or the refusal if the intent cannot be recorded.
pub(super) async fn record_intent(request: Request<Body>) -> Result<Request<Body>, Response<Body>> {
    let (parts, body) = request.into_parts();
    let Some(tap) = parts.extensions.get::<McpTap>().cloned() else {
        return Err(Refused::misplaced().response());
    };
    let body = match hold(body).await {
        Ok(body) => body,
        Err(error) => return Err(Refused::broken(&error).response()),
    };
    match tap.record_intent().await {
        Ok(()) => Ok(Request::from_parts(parts, body)),
        Err(refused) => Err(refused.response()),
    }
}
