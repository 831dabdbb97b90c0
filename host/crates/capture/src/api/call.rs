//! One request to a vendor's API: the data that the path collects, and the event created from it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::MatchedPath;
use axum::http::{request, response};
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_model::event::{Channel, Client, Event, Kind};
use mcp_audit_log_model::time::Timestamp;
use uuid::Uuid;

use crate::mcp::classify::Ending;
use crate::mcp::context::{integer, micros};
use crate::mcp::failure::{NoAnswer, failure};
use crate::tap::head::{RequestHead, trace_id};
use crate::tap::slots::{CallerSlot, ParentCall};
use crate::tap::transport::{FailureSlot, Transport};
use crate::tap::{End, Side};

/// A request and its answer. It does not hold the log, because its event is created on the recorder's thread.
pub(crate) struct ApiCall {
    head: RequestHead,
    route: Option<MatchedPath>,
    parent: Option<Uuid>,
    caller: CallerSlot,
    received: AtomicU64,
    sent: AtomicU64,
    failure: FailureSlot,
    status: OnceLock<u16>,
    ended: OnceLock<(End, Instant)>,
}

impl ApiCall {
    pub(crate) fn new(parts: &request::Parts, server: Arc<str>, at: Timestamp) -> Self {
        Self {
            head: RequestHead::new(parts, server, at),
            route: parts.extensions.get().cloned(),
            parent: parts.extensions.get().map(|ParentCall(id)| *id),
            caller: parts.extensions.get().cloned().unwrap_or_default(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            failure: FailureSlot::default(),
            status: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    pub(crate) fn caller(&self) -> CallerSlot {
        self.caller.clone()
    }

    pub(crate) fn failure(&self) -> FailureSlot {
        self.failure.clone()
    }

    /// The answer's head passes.
    pub(crate) fn head(&self, parts: &response::Parts) {
        let _ = self.status.set(parts.status.as_u16());
    }

    /// A piece of a body passes.
    pub(crate) fn count(&self, from: Side, bytes: usize) {
        let counter = match from {
            Side::Client => &self.received,
            Side::Server => &self.sent,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Marks it as ended; `true` the first time.
    pub(crate) fn end(&self, end: End) -> bool {
        self.ended.set((end, Instant::now())).is_ok()
    }

    /// The event about this call.
    pub(crate) fn event(&self, secret: &Secret) -> Event {
        let head = &self.head;
        let (end, at) = self.ended.get().copied().unwrap_or_else(|| (End::Broken, Instant::now()));
        let (status, failed) = (self.status.get().copied(), self.failure.get());
        let detail = ending(status, failed, end).of_http();
        let event = Event::new(head.at, Channel::Api, Kind::Http, detail);
        let event = Event {
            method: Some(head.http_method.to_string()),
            server: Some(head.server.to_string()),
            path: Some(head.path.clone()),
            status_code: status,
            duration_us: Some(micros(head.started, at)),
            caller: self.caller.get().cloned().unwrap_or_default(),
            client: self.client(secret),
            trace_id: head.traceparent().and_then(trace_id).map(str::to_owned),
            parent: self.parent,
            failure: failure(detail, status, None, failed),
            ..event
        };
        self.facts(event)
    }

    fn client(&self, secret: &Secret) -> Client {
        let session = self.head.session.as_ref().and_then(|session| session.to_str().ok());
        Client {
            name: None,
            version: None,
            session: session.map(|session| secret.session(session)),
            ip: self.head.peer.map(|peer| peer.ip().to_canonical().to_string()),
            user_agent: self.head.user_agent(),
        }
    }

    fn facts(&self, event: Event) -> Event {
        let event = event
            .fact("http_method", self.head.http_method.as_str())
            .fact("request_bytes", integer(self.received.load(Ordering::Relaxed)))
            .fact("response_bytes", integer(self.sent.load(Ordering::Relaxed)));
        match &self.route {
            Some(route) => event.fact("route", route.as_str()),
            None => event,
        }
    }
}

fn ending(status: Option<u16>, failed: Option<Transport>, end: End) -> Ending {
    Ending {
        failed,
        status,
        headless: status.is_none(),
        end,
        one_document: false,
        cancelled: false,
        resumable: false,
        closing_cancels: false,
        no_answer: NoAnswer::Empty,
        empty: true,
    }
}
