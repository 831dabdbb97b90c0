//! A log with a manual clock, and its entries.

use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::hold::{Hold, NewHold};
use mcp_audit_log::time::{Clock, DAY, ManualClock, Timestamp};
use mcp_audit_log::{AuditLog, Grant, Options, Viewer};

pub(crate) const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::parse("2026-01-01T12:00:00Z").expect("a time")))
}

pub(crate) fn open(folder: &Path, clock: &Arc<ManualClock>) -> AuditLog {
    Options::new(folder)
        .clock(Arc::clone(clock) as Arc<dyn Clock>)
        .own_schedule()
        .believe_clock()
        .open()
        .expect("a log")
}

pub(crate) fn access(log: &AuditLog, group: &str) -> Grant {
    log.view().access(&Viewer::new("anna", [group]))
}

pub(crate) async fn record(log: &AuditLog, tool: &str) {
    let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let event = Event { method: Some("tools/call".into()), target: Some(Target::Tool(tool.into())), ..event };
    log.record_durably(event).await.expect("stored");
    // Nothing goes that no checkpoint is about.
    log.sign().expect("signed");
}

pub(crate) fn entries(log: &AuditLog) -> Vec<Entry> {
    log.view().reader(&access(log, "admin")).page(Domain::TRUE, None, 500).expect("a page").entries
}

pub(crate) fn has_tool(log: &AuditLog, tool: &str) -> bool {
    entries(log).iter().any(|entry| entry.text(Field::Tool) == Some(tool))
}

/// The entries of this action, the newest first.
pub(crate) fn of_action(log: &AuditLog, action: &str) -> Vec<Entry> {
    entries(log).into_iter().filter(|entry| entry.text(Field::Action) == Some(action)).collect()
}

pub(crate) fn runs(log: &AuditLog) -> usize {
    of_action(log, "retention.completed").len()
}

pub(crate) fn set(log: &AuditLog, wanted: serde_json::Value) {
    log.change_settings(&access(log, "admin"), wanted.as_object().expect("an object")).expect("changed");
}

/// Places a hold on entries recorded from `from` until a day later.
pub(crate) fn place_hold(log: &AuditLog, from: Timestamp) -> Hold {
    let wanted = NewHold::new(from, "case 7").until(from.plus(DAY));
    log.place_hold(&access(log, "admin"), wanted).expect("placed")
}
