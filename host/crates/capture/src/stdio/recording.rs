//! Where the events of a wrapper go: into a log that this process writes, or to a running one.

use std::sync::Arc;

use mcp_audit_log_core::recorder::{BudgetShare, RecordError, Reservation};
use mcp_audit_log_model::event::{Caller, Event};
use mcp_audit_log_model::time::{Clock, SystemClock, Timestamp};
use mcp_audit_log_service::{AuditLog, ToolWatch};

use super::remote::RemoteLog;
use crate::mcp::listing::viewer;
use crate::parse::document::Keep;

/// The log of a wrapper.
#[derive(Clone)]
pub(super) enum Recording {
    /// This process writes it.
    Own(AuditLog),
    /// Another process writes it, and gets events over HTTP.
    Remote(RemoteLog),
}

impl Recording {
    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Own(log) => log.view().now(),
            Self::Remote(_) => SystemClock.now(),
        }
    }

    /// A share of the memory for captured bytes.
    pub(super) fn captured(&self) -> BudgetShare {
        match self {
            Self::Own(log) => log.recorder().gauges().captured.nothing(),
            Self::Remote(log) => log.captured().nothing(),
        }
    }

    /// What is kept of bodies.
    pub(super) fn keep(&self) -> Keep {
        match self {
            Self::Own(log) => Keep::of(log),
            // Digests need the key of the log, and definitions of tools its earlier ones.
            Self::Remote(log) => Keep { bodies: log.keeps_payloads().then(|| log.captured()), ..Keep::default() },
        }
    }

    /// What compares listings of tools, and the caller as it knows them.
    pub(super) fn tool_watch(&self, caller: &Caller) -> Option<(Arc<ToolWatch>, String)> {
        match self {
            Self::Own(log) => Some((log.tool_watch(), viewer(log.secret(), caller, None))),
            Self::Remote(_) => None,
        }
    }

    /// A slot for the events at the end.
    pub(super) fn reserve(&self) -> Option<Reservation> {
        match self {
            Self::Own(log) => log.reserve(),
            // Its reader has a queue of its own, without a limit: it holds one closure at a time.
            Self::Remote(_) => None,
        }
    }

    /// Runs `events` on the recorder's thread and records them.
    ///
    /// # Errors
    /// There is no room, or the log is closed.
    pub(super) fn offer_later(&self, events: impl FnOnce() -> Vec<Event> + Send + 'static) -> Result<(), RecordError> {
        match self {
            Self::Own(log) => log.offer_later(0, events),
            Self::Remote(log) => log.later(Box::new(events)),
        }
    }

    /// Records an event, or counts it as lost.
    pub(super) fn record(&self, event: Event) {
        match self {
            Self::Own(log) => drop(log.record(event)),
            Self::Remote(log) => log.record(event),
        }
    }

    /// Counts events as lost.
    pub(super) fn dropped(&self, events: u64) {
        match self {
            Self::Own(log) => log.dropped(events),
            Self::Remote(log) => log.dropped(events),
        }
    }
}
