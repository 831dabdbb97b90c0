//! The path's side of an exchange: puts in what passes, and sees to it that the end is recorded exactly once.

use std::sync::Arc;

use axum::http::{request, response};
use bytes::Bytes;

use super::caller::CallerSlot;
use super::exchange::{Direction, End, Exchange};
use super::head::{RequestHead, ResponseHead};
use super::sessions::Sessions;
use crate::AuditLog;
use crate::event::Event;

/// Watches one exchange. Nothing here can fail or wait: a full queue counts what it must drop.
#[derive(Clone)]
pub(super) struct Observer {
    log: AuditLog,
    exchange: Arc<Exchange>,
}

impl Observer {
    pub(super) fn begin(log: &AuditLog, sessions: &Arc<Sessions>, parts: &request::Parts, server: Arc<str>) -> Self {
        let head = RequestHead::new(parts, server, log.now(), log.keeps_payloads());
        let exchange = Arc::new(Exchange::new(head, Arc::clone(sessions)));
        sessions.begin(&exchange);
        Self { log: log.clone(), exchange }
    }

    /// The holder that the sign-in fills.
    pub(super) fn caller(&self) -> CallerSlot {
        self.exchange.caller.clone()
    }

    /// The response's head passes.
    pub(super) fn head(&self, parts: &response::Parts) {
        let _ = self.exchange.response.set(ResponseHead::new(parts));
        if self.exchange.is_stream() {
            let exchange = Arc::clone(&self.exchange);
            self.later(0, move || exchange.opened());
        }
    }

    /// A piece of a body passes.
    pub(super) fn chunk(&self, direction: Direction, chunk: &Bytes) {
        let Some(waiting) = self.exchange.chunk(direction, chunk) else { return };
        let exchange = Arc::clone(&self.exchange);
        if !self.later(waiting, move || exchange.read_on()) {
            self.exchange.not_handed_over();
        }
    }

    /// The exchange is over; only the first word counts.
    pub(super) fn end(&self, end: End) {
        let Some(waiting) = self.exchange.end(end) else { return };
        let exchange = Arc::clone(&self.exchange);
        self.later(waiting, move || exchange.conclude());
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
        let ours = std::thread::panicking() || self.observer.as_ref().is_some_and(Observer::is_stopping);
        self.is(if ours { End::Broken } else { End::ClientClosed });
    }
}
