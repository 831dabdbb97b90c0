//! The tower layer for a vendor's own API: one event for each request with an MCP token.

mod call;

use std::sync::Arc;

use axum::http::{request, response};
use bytes::Bytes;
use mcp_audit_log_service::AuditLog;
use tower_layer::Layer;

use crate::tap::audited::Audited;
use crate::tap::tapped::Tapped;
use crate::tap::{End, Side, Tap};

use self::call::ApiCall;

/// Records the requests to the wrapped service, each when its answer has been sent or aborted. Nothing is changed,
/// delayed or refused, and no body is read or kept: its bytes are counted as they pass.
///
/// Each request carries a [`super::CallerSlot`] in its extensions for the sign-in to fill; one that is there already is
/// used. A [`super::ParentCall`] ties the request to the MCP call that makes it, and a `traceparent` header to its
/// trace. On axum's `Router::layer` the route's template is recorded as well.
///
/// ```no_run
/// # // As the façade names them.
/// # mod mcp_audit_log { pub use {mcp_audit_log_capture as capture, mcp_audit_log_service::*}; }
/// # fn routes() -> axum::Router { axum::Router::new() }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = mcp_audit_log::Options::new("mcp-audit-log-data").open()?;
/// let app = routes().layer(mcp_audit_log::capture::ApiLayer::new(log, "billing"));
/// # let _: axum::Router = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiLayer {
    log: AuditLog,
    server: Arc<str>,
}

impl ApiLayer {
    /// Records into `log`. Entries name the server `server`.
    pub fn new(log: AuditLog, server: &str) -> Self {
        Self { log, server: server.into() }
    }

    fn begin(&self, parts: &request::Parts) -> Tapped {
        let call = Arc::new(ApiCall::new(parts, Arc::clone(&self.server), self.log.view().now()));
        let (caller, failure) = (call.caller(), call.failure());
        Tapped::new(self.log.clone(), caller, failure, ApiTap { log: self.log.clone(), call })
    }
}

impl<S> Layer<S> for ApiLayer {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        let layer = self.clone();
        Audited::new(inner, move |parts| layer.begin(parts))
    }
}

/// The tap on a request to a vendor's API, whose bodies are counted.
struct ApiTap {
    log: AuditLog,
    call: Arc<ApiCall>,
}

impl Tap for ApiTap {
    fn head(&self, head: &response::Parts) {
        self.call.head(head);
    }

    fn chunk(&self, from: Side, chunk: &Bytes) {
        self.call.count(from, chunk.len());
    }

    fn end(&self, end: End) {
        if self.call.end(end) {
            let (call, secret) = (Arc::clone(&self.call), self.log.secret().clone());
            // A loss is counted.
            let _ = self.log.record_later(0, move || vec![call.event(&secret)]);
        }
    }
}
