//! Killed while it cleans up: the next start goes on, and the log tells the truth about it.

use std::path::Path;
use std::sync::Arc;

use mcp_audit::domain::Domain;
use mcp_audit::entry::Entry;
use mcp_audit::event::{Caller, Channel, Detail, Event, Kind};
use mcp_audit::field::Field;
use mcp_audit::time::{Clock, DAY, ManualClock, SystemClock};
use mcp_audit::{AuditLog, Options};
use mcp_audit_tests::product;
use serde_json::Value as Json;

use crate::log::{admin, index_agrees, of_action, open, rows, without_holes};
use crate::prey::Prey;

/// Old entries: a good many chunks of the cleanup, more than one block of the index.
const OLD: usize = 12_000;
const YOUNG: usize = 300;
/// How often it is killed before it may finish.
const KILLS: usize = 2;

#[test]
fn a_cleanup_that_was_killed_is_finished_by_the_next_start_and_told_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let young = fill(folder.path());
    for kill in 0..KILLS {
        let prey = clean(folder.path());
        prey.wait_for(|line| line.contains("the cleanup goes on") && !line.contains("entries=0 "));
        prey.kill();
        in_the_middle(folder.path(), kill);
    }
    let prey = clean(folder.path());
    prey.wait_for(|line| line.contains("payloads removed"));
    prey.kill();

    let log = open(folder.path());
    let rows = rows(&log);
    let first = without_holes(&rows);
    let kept: Vec<_> = rows.iter().filter(|entry| by(entry, "young")).map(|entry| entry.seq).collect();
    assert_eq!(kept, young, "what is younger is there, once, at its place");
    assert!(!rows.iter().any(|entry| by(entry, "old")), "what is older is gone");
    truthful(&rows, first);
    index_agrees(&log, &rows, &["user:young", "user:old", "channel:system", "-user:young"]);
    let state = log.crons(&admin(&log)).expect("states").remove(0).state;
    assert_eq!((state.running_since, state.last_succeeded), (None, Some(true)));
}

/// A log with old and young entries; returns the places of the young ones, newest first.
fn fill(folder: &Path) -> Vec<u64> {
    let clock = Arc::new(ManualClock::new(SystemClock.now().plus(-100 * DAY)));
    let log = Options::new(folder).clock(Arc::clone(&clock) as Arc<dyn Clock>).own_schedule().open().expect("a log");
    record(&log, "old", OLD);
    clock.advance(99 * DAY);
    record(&log, "young", YOUNG);
    log.close();
    let access = admin(&log);
    let newest = log.reader(&access).page(Domain::TRUE, None, 500).expect("a page").entries;
    newest.iter().filter(|entry| by(entry, "young")).map(|entry| entry.seq).collect()
}

/// Fewer at a time than the queue takes.
fn record(log: &AuditLog, user: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for at in 1..=count {
        let event = Event::new(log.now(), Channel::Mcp, Kind::Request, Detail::Ok);
        let event = Event { caller: Caller { user: Some(user.to_owned()), ..Caller::default() }, ..event };
        match at % 1_000 == 0 || at == count {
            true => drop(runtime.block_on(log.record_durably(event)).expect("stored")),
            false => log.record(event).expect("taken"),
        }
    }
}

/// The product on this folder; the cleanup is due, so that it begins by itself.
fn clean(folder: &Path) -> Prey {
    let mut command = product(["serve", "--listen", "127.0.0.1:0", "--data"]);
    Prey::overheard(command.arg(folder).env("MCP_AUDIT_LOG", "warn,mcp_audit=debug"))
}

/// The kill hit a cleanup that had done something and not everything, and the log says so.
fn in_the_middle(folder: &Path, kills: usize) {
    let log = open(folder);
    let rows = rows(&log);
    assert!(without_holes(&rows) > 0, "something is gone");
    assert!(rows.iter().any(|entry| by(entry, "old")), "the cleanup was over before the kill");
    let told = (of_action(&rows, "retention.started").len(), of_action(&rows, "retention.completed").len());
    assert_eq!(told, (kills + 1, 0), "told before it began, and not as done");
    let state = log.crons(&admin(&log)).expect("states").remove(0).state;
    assert!(state.running_since.is_some(), "the run is not over");
    index_agrees(&log, &rows, &["user:old", "user:young", "-user:old"]);
    log.close();
}

/// Each start of a run says where the log began then; the one completion says what that last run removed.
fn truthful(rows: &[Entry], first: u64) {
    let started = of_action(rows, "retention.started");
    let number = |value: &Json| value.as_u64().expect("a number");
    assert_eq!(started.len(), KILLS + 1);
    for (at, entry) in started.iter().rev().enumerate() {
        assert_eq!(entry.details.get("resumed").is_some(), at > 0, "{:?}", entry.details);
        let (from, expected) = (number(&entry.details["first_place"]), number(&entry.details["expected"]));
        assert_eq!(from + expected, first, "it says what it will remove");
    }
    assert!(
        started
            .windows(2)
            .all(|pair| pair[0].details["first_place"].as_u64() > pair[1].details["first_place"].as_u64())
    );
    let completed = of_action(rows, "retention.completed");
    assert_eq!(completed.len(), 1, "it was completed once");
    assert_eq!(number(&completed[0].details["entries"]), number(&started[0].details["expected"]));
    assert!(of_action(rows, "retention.failed").is_empty());
}

fn by(entry: &Entry, user: &str) -> bool {
    entry.text(Field::User) == Some(user)
}
