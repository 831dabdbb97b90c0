//! One HTTP request under a tap: its slots, which others fill, and a guard that reports its end exactly once.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::response;
use bytes::Bytes;
use mcp_audit_log_service::AuditLog;

use super::slots::CallerSlot;
use super::transport::{FailureSlot, Transport};
use super::{End, Side, Tap};

/// A request and its tap. Clones are the same request.
#[derive(Clone)]
pub(crate) struct Tapped(Arc<Shared<dyn Tap>>);

struct Shared<T: ?Sized> {
    log: AuditLog,
    caller: CallerSlot,
    failure: FailureSlot,
    is_answered: AtomicBool,
    tap: T,
}

impl Tapped {
    /// The slots are those that `tap` reads in the end.
    pub(crate) fn new(log: AuditLog, caller: CallerSlot, failure: FailureSlot, tap: impl Tap) -> Self {
        Self(Arc::new(Shared { log, caller, failure, is_answered: AtomicBool::new(false), tap }))
    }

    /// The slot that the sign-in fills.
    pub(crate) fn caller(&self) -> CallerSlot {
        self.0.caller.clone()
    }

    /// The slot that a proxy fills when forwarding fails.
    pub(crate) fn failure(&self) -> FailureSlot {
        self.0.failure.clone()
    }

    /// The request's body broke off for this reason. If there is an answer, its outcome counts.
    pub(crate) fn request_failed(&self, error: &dyn Any) {
        if !self.0.is_answered.load(Ordering::Relaxed) {
            self.0.failure.set(Transport::of_request(error));
        }
    }

    /// The response's head passes.
    pub(crate) fn head(&self, head: &response::Parts) {
        self.0.is_answered.store(true, Ordering::Relaxed);
        self.0.tap.head(head);
    }

    /// A chunk of a body passes.
    pub(crate) fn chunk(&self, from: Side, chunk: &Bytes) {
        self.0.tap.chunk(from, chunk);
    }
}

/// Ends the exchange when it is dropped, for any reason.
pub(crate) struct EndGuard {
    tapped: Option<Tapped>,
}

impl EndGuard {
    pub(crate) fn new(tapped: Tapped) -> Self {
        Self { tapped: Some(tapped) }
    }

    /// The exchange, until it has ended.
    pub(crate) fn tapped(&self) -> Option<&Tapped> {
        self.tapped.as_ref()
    }

    /// Reports how it ended.
    pub(crate) fn is(&mut self, end: End) {
        if let Some(tapped) = self.tapped.take() {
            tapped.0.tap.end(end);
        }
    }

    /// Moves the duty to report the end to another guard.
    pub(crate) fn pass_on(&mut self) -> Self {
        Self { tapped: self.tapped.take() }
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        let Some(Tapped(shared)) = &self.tapped else { return };
        let ours = match std::thread::panicking() {
            true => Some(Transport::ProxyFailed),
            false => shared.log.is_stopping().then_some(Transport::ProxyStopped),
        };
        ours.into_iter().for_each(|ours| shared.failure.set(ours));
        self.is(if ours.is_some() { End::Broken } else { End::ClientClosed });
    }
}
