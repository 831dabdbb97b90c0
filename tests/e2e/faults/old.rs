//! A log whose cleanup is due: old entries, and young ones that must stay.

use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Caller, Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::time::{Clock, DAY, ManualClock, SystemClock};
use mcp_audit_log::{AuditLog, Options};
use mcp_audit_log_tests::fault::admin;
use tempfile::TempDir;

/// A log with old and young entries, whose cleanup is due; returns the `seq` of the young ones, newest first.
pub(crate) fn fill(folder: &Path, old: usize, young: usize) -> Vec<u64> {
    let clock = Arc::new(ManualClock::new(SystemClock.now().plus(-100 * DAY)));
    let log = Options::new(folder).clock(Arc::clone(&clock) as Arc<dyn Clock>).own_schedule().open().expect("a log");
    let access = admin(log.view());
    // Usage would keep the names.
    let as_long_as_entries = serde_json::json!({ "usage_retention_days": 90 });
    log.change_settings(&access, as_long_as_entries.as_object().expect("an object")).expect("changed");
    record(&log, old, |at| format!("old-{at}"));
    log.sign().expect("signed");
    clock.advance(99 * DAY);
    record(&log, young, |_| "young".to_owned());
    // No running log saw those days pass.
    log.confirm_clock(&access).expect("believed");
    log.close();
    let newest = log.view().reader(&access).page(Domain::TRUE, None, 500).expect("a page").entries;
    newest.iter().filter(|entry| by(entry, "young")).map(|entry| entry.seq).collect()
}

/// Records the events in groups that are smaller than the queue.
fn record(log: &AuditLog, count: usize, user: impl Fn(usize) -> String) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for at in 1..=count {
        let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        let event = Event { caller: Caller { user: Some(user(at)), ..Caller::default() }, ..event };
        match at % 1_000 == 0 || at == count {
            true => drop(runtime.block_on(log.record_durably(event)).expect("stored")),
            false => log.record(event).expect("taken"),
        }
    }
}

/// A copy of a folder that no process has open.
pub(crate) fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(folder).expect("files") {
        let file = file.expect("a file");
        // The components in it are kept again by the next start.
        if file.path().is_file() {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
        }
    }
    copy
}

pub(crate) fn by(entry: &Entry, user: &str) -> bool {
    entry.text(Field::User) == Some(user)
}

pub(crate) fn is_old(entry: &Entry) -> bool {
    entry.text(Field::User).is_some_and(|user| user.starts_with("old-"))
}
