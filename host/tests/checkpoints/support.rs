//! A log with a manual clock, and its checkpoints.

use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::evidence::StoredCheckpoint;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::ledger::{SignedCheckpoint, VerifierKey};
use mcp_audit_log::time::{Clock, ManualClock, Timestamp};
use mcp_audit_log::{AuditLog, Grant, LogView, Options, Viewer};
use rusqlite::Connection;

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::parse("2026-01-01T12:00:00Z").expect("a time")))
}

pub(crate) fn options(folder: &Path, clock: &Arc<ManualClock>) -> Options {
    Options::new(folder).clock(Arc::clone(clock) as Arc<dyn Clock>).own_schedule()
}

pub(crate) fn open(folder: &Path, clock: &Arc<ManualClock>) -> AuditLog {
    options(folder, clock).open().expect("a log")
}

pub(crate) fn access(log: &LogView, groups: &[&str]) -> Grant {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    log.access(&Viewer { user: "anna".into(), groups, instance: None })
}

pub(crate) async fn record(log: &AuditLog, tool: &str) -> uuid::Uuid {
    let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let event = Event { method: Some("tools/call".into()), target: Some(Target::Tool(tool.into())), ..event };
    let id = event.id;
    log.record_durably(event).await.expect("stored");
    id
}

pub(crate) fn newest(log: &LogView) -> Option<StoredCheckpoint> {
    log.checkpoint(&access(log, &["admin"])).expect("read")
}

/// The number of the newest checkpoint, and how many entries it covers.
pub(crate) fn stand(log: &LogView) -> (u64, u64) {
    newest(log).map_or((0, 0), |newest| (newest.number, newest.checkpoint.size))
}

pub(crate) fn keys(log: &LogView) -> Vec<VerifierKey> {
    log.verifier_keys().expect("keys").iter().map(|key| VerifierKey::parse(key).expect("a key")).collect()
}

pub(crate) fn read(note: &str) -> SignedCheckpoint {
    SignedCheckpoint::parse(note.as_bytes()).expect("a checkpoint")
}

pub(crate) fn entries(log: &LogView) -> Vec<Entry> {
    log.reader(&access(log, &["admin"])).page(Domain::TRUE, None, 500).expect("a page").entries
}

/// The entries of this action, the newest first.
pub(crate) fn of_action(log: &LogView, action: &str) -> Vec<Entry> {
    entries(log).into_iter().filter(|entry| entry.text(Field::Action) == Some(action)).collect()
}

/// Runs `sql` without triggers, and restores them.
pub(crate) fn tamper(folder: &Path, sql: &str) {
    let raw = Connection::open(folder.join("mcp-audit-log.db")).expect("a raw connection");
    mcp_audit_log_store::show_columns(&raw).expect("a view");
    let sorted = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let triggers: Vec<(String, String)> =
        raw.prepare(sorted).and_then(|mut found| found.query_map([], read)?.collect()).expect("triggers");
    let dropped: String = triggers.iter().map(|(name, _)| format!("DROP TRIGGER {name};")).collect();
    let made: String = triggers.iter().map(|(_, sql)| format!("{sql};")).collect();
    raw.execute_batch("PRAGMA ignore_check_constraints = ON").expect("off");
    raw.execute_batch(&format!("{dropped} {sql}; {made}")).expect(sql);
}
