//! The path's side of what is watched: puts in what passes, and sees to it that the end is recorded exactly once.

use std::any::Any;
use std::sync::Arc;

use axum::http::{request, response};
use bytes::Bytes;

use super::api::ApiCall;
use super::caller::CallerSlot;
use super::exchange::{Direction, End, Exchange};
use super::head::{RequestHead, ResponseHead};
use super::parent::CallId;
use super::sessions::Sessions;
use super::transport::{FailureSlot, Transport};
use crate::AuditLog;
use crate::event::Event;

/// Watches one exchange. Nothing here can fail or wait: a full queue counts what it must drop.
#[derive(Clone)]
pub(super) struct Observer {
    log: AuditLog,
    watched: Watched,
}

/// What is watched.
#[derive(Clone)]
enum Watched {
    /// MCP, whose bodies tell what happened.
    Mcp(Arc<Exchange>),
    /// A request to a vendor's API, whose bodies are counted.
    Api(Arc<ApiCall>),
}

impl Observer {
    /// Begins to watch an MCP exchange; gives the id of its call as well.
    pub(super) fn begin(
        log: &AuditLog,
        sessions: &Arc<Sessions>,
        parts: &request::Parts,
        server: Arc<str>,
    ) -> (Self, CallId) {
        let head = RequestHead::new(parts, server, log.now(), log.keeps_payloads());
        let exchange = Arc::new(Exchange::new(head, Arc::clone(sessions)));
        sessions.begin(&exchange);
        let call = exchange.call.clone();
        (Self { log: log.clone(), watched: Watched::Mcp(exchange) }, call)
    }

    /// Begins to watch a request to a vendor's API.
    pub(super) fn of_api(log: &AuditLog, parts: &request::Parts, server: Arc<str>) -> Self {
        let call = Arc::new(ApiCall::new(parts, server, log.now()));
        Self { log: log.clone(), watched: Watched::Api(call) }
    }

    /// The holder that the sign-in fills.
    pub(super) fn caller(&self) -> CallerSlot {
        match &self.watched {
            Watched::Mcp(exchange) => exchange.caller.clone(),
            Watched::Api(call) => call.caller(),
        }
    }

    /// The holder that whoever hands the request on fills, when that fails.
    pub(super) fn failure(&self) -> FailureSlot {
        match &self.watched {
            Watched::Mcp(exchange) => exchange.failure.clone(),
            Watched::Api(call) => call.failure(),
        }
    }

    /// The request's body broke off, for this reason. Once there is an answer, that says how it went.
    pub(super) fn request_failed(&self, error: &dyn Any) {
        let answered = match &self.watched {
            Watched::Mcp(exchange) => exchange.response.get().is_some(),
            Watched::Api(call) => call.is_answered(),
        };
        if !answered {
            self.failure().set(Transport::of_request(error));
        }
    }

    /// The response's head passes.
    pub(super) fn head(&self, parts: &response::Parts) {
        match &self.watched {
            Watched::Mcp(exchange) => {
                let _ = exchange.response.set(ResponseHead::new(parts));
                if exchange.is_stream() {
                    let exchange = Arc::clone(exchange);
                    self.later(0, move || exchange.opened());
                }
            }
            Watched::Api(call) => call.head(parts),
        }
    }

    /// A piece of a body passes.
    pub(super) fn chunk(&self, direction: Direction, chunk: &Bytes) {
        match &self.watched {
            Watched::Mcp(exchange) => {
                let Some(waiting) = exchange.chunk(direction, chunk) else { return };
                let job = Arc::clone(exchange);
                if !self.later(waiting, move || job.read_on()) {
                    exchange.not_handed_over();
                }
            }
            Watched::Api(call) => call.count(direction, chunk.len()),
        }
    }

    /// The exchange is over; only the first word counts.
    pub(super) fn end(&self, end: End) {
        match &self.watched {
            Watched::Mcp(exchange) => {
                let Some(waiting) = exchange.end(end) else { return };
                let exchange = Arc::clone(exchange);
                if !exchange.caller.is_refused() {
                    self.later(waiting, move || exchange.conclude());
                } else if exchange.is_told_alone(&self.log) {
                    // Nobody's content is kept who was not let in.
                    let silent = |event| Event { payload: None, ..event };
                    self.later(waiting, move || exchange.conclude().into_iter().map(silent).collect());
                }
            }
            Watched::Api(call) if call.end(end) => {
                let (call, secret) = (Arc::clone(call), self.log.secret().clone());
                self.later(0, move || vec![call.event(&secret)]);
            }
            Watched::Api(_) => {}
        }
    }

    fn is_stopping(&self) -> bool {
        self.log.is_stopping()
    }

    fn later(&self, bytes: usize, events: impl FnOnce() -> Vec<Event> + Send + 'static) -> bool {
        self.log.record_later(bytes, events).is_ok()
    }
}

/// Ends the exchange when it is dropped, however that comes about.
pub(super) struct Ending {
    observer: Option<Observer>,
}

impl Ending {
    pub(super) fn new(observer: Observer) -> Self {
        Self { observer: Some(observer) }
    }

    /// The exchange, while it is not over.
    pub(super) fn observer(&self) -> Option<&Observer> {
        self.observer.as_ref()
    }

    /// Says how it ended.
    pub(super) fn is(&mut self, end: End) {
        if let Some(observer) = self.observer.take() {
            observer.end(end);
        }
    }

    /// Hands the duty on.
    pub(super) fn pass_on(&mut self) -> Self {
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
