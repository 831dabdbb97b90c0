//! The path's side of what is watched: puts in what passes, and sees to it that the end is recorded exactly once.

use std::any::Any;
use std::sync::Arc;

use axum::http::{request, response};
use bytes::Bytes;
use mcp_audit_log_core::recorder::{RecordError, Reservation};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_service::AuditLog;

use super::exchange::{Direction, Due, End, Exchange};
use super::head::{RequestHead, ResponseHead};
use super::slots::{CallId, CallerSlot};
use super::turn::Told;
use crate::api::ApiCall;
use crate::mcp::failure::{FailureSlot, Transport};
use crate::mcp::sessions::Sessions;

/// Observes one exchange. Nothing here can fail: when too much waits to be read it is read here, and a full queue
/// counts what it drops.
#[derive(Clone)]
pub(crate) struct Observer {
    log: AuditLog,
    watched: Watched,
}

/// What is watched.
#[derive(Clone)]
enum Watched {
    /// MCP, whose bodies are read.
    Mcp(Arc<Exchange>),
    /// A request to a vendor's API, whose bodies are counted.
    Api(Arc<ApiCall>),
}

impl Observer {
    /// Begins to watch an MCP exchange; gives the id of its call as well.
    pub(crate) fn begin(
        log: &AuditLog,
        sessions: &Arc<Sessions>,
        parts: &request::Parts,
        server: Arc<str>,
    ) -> (Self, CallId) {
        let head = RequestHead::new(parts, server, log.view().now());
        let exchange = Arc::new(Exchange::new(log, head, Arc::clone(sessions)));
        sessions.begin(&exchange);
        let call = exchange.call.clone();
        (Self { log: log.clone(), watched: Watched::Mcp(exchange) }, call)
    }

    /// Begins to watch a request to a vendor's API.
    pub(crate) fn of_api(log: &AuditLog, parts: &request::Parts, server: Arc<str>) -> Self {
        let call = Arc::new(ApiCall::new(parts, server, log.view().now()));
        Self { log: log.clone(), watched: Watched::Api(call) }
    }

    /// The holder that the sign-in fills.
    pub(crate) fn caller(&self) -> CallerSlot {
        match &self.watched {
            Watched::Mcp(exchange) => exchange.caller.clone(),
            Watched::Api(call) => call.caller(),
        }
    }

    /// The slot that a proxy fills when forwarding fails.
    pub(crate) fn failure(&self) -> FailureSlot {
        match &self.watched {
            Watched::Mcp(exchange) => exchange.failure.clone(),
            Watched::Api(call) => call.failure(),
        }
    }

    /// The request's body broke off, for this reason. If there is an answer, its outcome counts.
    pub(crate) fn request_failed(&self, error: &dyn Any) {
        let answered = match &self.watched {
            Watched::Mcp(exchange) => exchange.response.get().is_some(),
            Watched::Api(call) => call.is_answered(),
        };
        if !answered {
            self.failure().set(Transport::of_request(error));
        }
    }

    /// The MCP exchange that is watched, and the log that it goes to.
    pub(crate) fn exchange(&self) -> Option<(&AuditLog, &Arc<Exchange>)> {
        match &self.watched {
            Watched::Mcp(exchange) => Some((&self.log, exchange)),
            Watched::Api(_) => None,
        }
    }

    /// The response's head passes.
    pub(crate) fn head(&self, parts: &response::Parts) {
        match &self.watched {
            Watched::Mcp(exchange) => {
                let _ = exchange.response.set(ResponseHead::new(parts));
                if exchange.is_stream() {
                    let exchange = Arc::clone(exchange);
                    self.later(move || exchange.opened());
                }
            }
            Watched::Api(call) => call.head(parts),
        }
    }

    /// A piece of a body passes.
    pub(crate) fn chunk(&self, direction: Direction, chunk: &Bytes) {
        match &self.watched {
            Watched::Mcp(exchange) => match exchange.chunk(direction, chunk) {
                Due::Nothing => {}
                Due::Now => exchange.read_now(),
                Due::HandOver => {
                    let job = Arc::clone(exchange);
                    if self.log.offer_later(0, move || job.read_on()).is_err() {
                        exchange.read_now();
                    }
                }
            },
            Watched::Api(call) => call.count(direction, chunk.len()),
        }
    }

    /// The exchange has ended; only the first call counts.
    pub(crate) fn end(&self, end: End) {
        match &self.watched {
            Watched::Mcp(exchange) if exchange.end(end) => {
                let (place, job) = (exchange.place(), Arc::clone(exchange));
                if !exchange.caller.is_refused() {
                    self.conclude(exchange, place, move || job.conclude());
                } else if exchange.is_recorded_alone(&self.log) {
                    // The content of a refused caller is not kept.
                    let silent = |event| Event { payload: None, ..event };
                    self.conclude(exchange, place, move || job.conclude().into_iter().map(silent).collect());
                }
            }
            Watched::Mcp(_) => {}
            Watched::Api(call) if call.end(end) => {
                let (call, secret) = (Arc::clone(call), self.log.secret().clone());
                self.later(move || vec![call.event(&secret)]);
            }
            Watched::Api(_) => {}
        }
    }

    fn is_stopping(&self) -> bool {
        self.log.is_stopping()
    }

    /// Enqueues the end of the exchange: in its reserved slot, or if there is room. If there is none, the loss is
    /// counted in calls.
    fn conclude(
        &self,
        exchange: &Arc<Exchange>,
        place: Option<Reservation>,
        events: impl FnOnce() -> Vec<Event> + Send + 'static,
    ) {
        let told = match place {
            Some(place) => Told::at(place, exchange, events),
            None => self.log.offer_later(0, events),
        };
        if told == Err(RecordError::Full) {
            self.log.dropped(exchange.count_calls());
        }
    }

    /// A loss is counted, as one.
    fn later(&self, events: impl FnOnce() -> Vec<Event> + Send + 'static) {
        let _ = self.log.record_later(0, events);
    }
}

/// Ends the exchange when it is dropped, however that comes about.
pub(crate) struct Ending {
    observer: Option<Observer>,
}

impl Ending {
    pub(crate) fn new(observer: Observer) -> Self {
        Self { observer: Some(observer) }
    }

    /// The exchange, while it is not over.
    pub(crate) fn observer(&self) -> Option<&Observer> {
        self.observer.as_ref()
    }

    /// Reports how it ended.
    pub(crate) fn is(&mut self, end: End) {
        if let Some(observer) = self.observer.take() {
            observer.end(end);
        }
    }

    /// Hands the duty on.
    pub(crate) fn pass_on(&mut self) -> Self {
        Self { observer: self.observer.take() }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(observer) = &self.observer else { return };
        let ours = match std::thread::panicking() {
            true => Some(Transport::ProxyFailed),
            false => observer.is_stopping().then_some(Transport::ProxyStopped),
        };
        ours.into_iter().for_each(|ours| observer.failure().set(ours));
        self.is(if ours.is_some() { End::Broken } else { End::ClientClosed });
    }
}
