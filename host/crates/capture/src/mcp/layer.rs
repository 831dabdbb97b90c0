//! The tower layer around an MCP endpoint. It goes outside of the sign-in and records the traffic.

use std::sync::Arc;

use axum::http::{Uri, request, response};
use bytes::Bytes;
use mcp_audit_log_core::recorder::{RecordError, Reservation};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_service::AuditLog;
use tower_layer::Layer;

use super::exchange::{Due, Exchange};
use super::sessions::Sessions;
use super::turn::Told;
use crate::tap::audited::Audited;
use crate::tap::head::{RequestHead, ResponseHead};
use crate::tap::tapped::Tapped;
use crate::tap::{End, Side, Tap};

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

/// The source of the server's name.
#[derive(Clone)]
enum Server {
    Fixed(Arc<str>),
    FromPath(fn(&Uri) -> Arc<str>),
}

impl AuditLayer {
    /// Records into `log`. Entries name the MCP server `server`.
    pub fn new(log: AuditLog, server: &str) -> Self {
        Self::with(log, Server::Fixed(server.into()))
    }

    /// Records into `log`. The request's URI names the MCP server.
    pub(crate) fn named_by(log: AuditLog, server: fn(&Uri) -> Arc<str>) -> Self {
        Self::with(log, Server::FromPath(server))
    }

    fn with(log: AuditLog, server: Server) -> Self {
        let sessions = Arc::new(Sessions::new(&log));
        Self { log, sessions, server }
    }

    fn begin(&self, parts: &mut request::Parts) -> Tapped {
        let server = match &self.server {
            Server::Fixed(name) => Arc::clone(name),
            Server::FromPath(name) => name(&parts.uri),
        };
        let head = RequestHead::new(parts, server, self.log.view().now());
        let exchange = Arc::new(Exchange::new(&self.log, head, Arc::clone(&self.sessions)));
        self.sessions.begin(&exchange);
        parts.extensions.insert(exchange.call.clone());
        let (caller, failure) = (exchange.caller.clone(), exchange.failure.clone());
        let tap = McpTap { log: self.log.clone(), exchange };
        // For strict recording, which stands inside of the sign-in.
        parts.extensions.insert(tap.clone());
        Tapped::new(self.log.clone(), caller, failure, tap)
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        let layer = self.clone();
        Audited::new(inner, move |parts| layer.begin(parts))
    }
}

/// The tap on an MCP exchange. It reads bodies. If too many bytes wait, the path reads them here, and a full queue
/// counts its losses.
#[derive(Clone)]
pub(crate) struct McpTap {
    pub(crate) log: AuditLog,
    pub(crate) exchange: Arc<Exchange>,
}

impl Tap for McpTap {
    fn head(&self, head: &response::Parts) {
        let _ = self.exchange.response.set(ResponseHead::new(head));
        if self.exchange.is_stream() {
            let exchange = Arc::clone(&self.exchange);
            // A loss is counted, as one.
            let _ = self.log.record_later(0, move || exchange.opened());
        }
    }

    fn chunk(&self, from: Side, chunk: &Bytes) {
        match self.exchange.chunk(from, chunk) {
            Due::Nothing => {}
            Due::Now => self.exchange.read_now(),
            Due::HandOver => {
                let job = Arc::clone(&self.exchange);
                if self.log.offer_later(0, move || job.read_on()).is_err() {
                    self.exchange.read_now();
                }
            }
        }
    }

    fn end(&self, end: End) {
        if !self.exchange.end(end) {
            return;
        }
        let (place, job) = (self.exchange.place(), Arc::clone(&self.exchange));
        if !self.exchange.caller.is_refused() {
            self.conclude(place, move || job.conclude());
        } else if self.exchange.is_recorded_alone(&self.log) {
            // The content of a refused caller is not kept.
            let silent = |event| Event { payload: None, ..event };
            self.conclude(place, move || job.conclude().into_iter().map(silent).collect());
        }
    }
}

impl McpTap {
    /// Enqueues the end of the exchange: in its reserved slot, or if there is room. If there is none, the loss is
    /// counted in calls.
    fn conclude(&self, place: Option<Reservation>, events: impl FnOnce() -> Vec<Event> + Send + 'static) {
        let told = match place {
            Some(place) => Told::at(place, &self.exchange, events),
            None => self.log.offer_later(0, events),
        };
        if told == Err(RecordError::Full) {
            self.log.dropped(self.exchange.count_calls());
        }
    }
}
