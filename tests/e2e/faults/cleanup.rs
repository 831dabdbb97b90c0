//! Killed during a cleanup: the next start continues it, and the log reports it truthfully.

use std::path::Path;

use mcp_audit_log::Options;
use mcp_audit_log::entry::Entry;
use mcp_audit_log_tests::fault::{admin, index_agrees, of_action, open, rows, without_holes};
use mcp_audit_log_tests::{ControlledProcess, files_with, product};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::old::{by, copy, fill, is_old};

/// The number of old entries: many chunks of the cleanup, and more than one block of the index.
const OLD: usize = 12_000;
const YOUNG: usize = 300;
/// The cleanup's output before it is killed: twice while it removes entries, and once while it removes their texts.
const KILLS: [&str; 3] = [ENTRIES, ENTRIES, TEXTS];
const ENTRIES: &str = "the cleanup continues";
const TEXTS: &str = "unused texts are removed from the dictionary";
const COMPLETED: &str = "retention.completed";
const OVER: &str = "payloads removed";
/// How often a kill may come too late.
const TRIES: usize = 50;

#[test]
fn a_killed_cleanup_is_finished_and_reported_truthfully() {
    let mut folder = tempfile::tempdir().expect("a folder");
    let young = fill(folder.path(), OLD, YOUNG);
    for (kills, said) in KILLS.into_iter().enumerate() {
        folder = killed(folder.path(), said);
        in_the_middle(folder.path(), kills);
    }
    let prey = clean(folder.path());
    prey.wait_for(|line| line.contains(OVER));
    prey.kill();

    let log = open(folder.path());
    let rows = rows(log.view());
    let first = without_holes(&rows);
    let kept: Vec<_> = rows.iter().filter(|entry| by(entry, "young")).map(|entry| entry.seq).collect();
    assert_eq!(kept, young, "what is younger is there, once, at its place");
    assert!(!rows.iter().any(is_old), "what is older is gone");
    truthful(&rows, first);
    index_agrees(log.view(), &rows, &["user:young", "user:old*", "channel:system", "-user:young"]);
    let state = log.crons(&admin(log.view())).expect("states").remove(0).state;
    assert_eq!((state.running_since, state.last_succeeded), (None, Some(true)));
    drop(log);
    assert!(!files_with(folder.path(), "young").is_empty());
    assert!(files_with(folder.path(), "old-").is_empty(), "and nothing of it is left in the files");
}

/// Starts the product on this folder. The cleanup is due, so it begins by itself.
fn clean(folder: &Path) -> ControlledProcess {
    let mut command = product(["serve", "--listen", "127.0.0.1:0", "--data"]);
    ControlledProcess::overheard(command.arg(folder).env("MCP_AUDIT_LOG", "warn,mcp_audit_log=debug"))
}

/// A copy of `folder` whose cleanup was killed after it printed `said`, and before that step was done.
fn killed(folder: &Path, said: &str) -> TempDir {
    for _ in 0..TRIES {
        let copy = copy(folder);
        let prey = clean(copy.path());
        prey.wait_for(|line| line.contains(said) && !line.contains("entries=0 "));
        prey.kill();
        let rows = rows(&Options::new(copy.path()).view().expect("a log"));
        let done = if said == ENTRIES { !rows.iter().any(is_old) } else { !of_action(&rows, COMPLETED).is_empty() };
        if !done {
            return copy;
        }
    }
    panic!("{TRIES} kills after {said:?} came too late");
}

/// Checks that the kill hit a cleanup that was partly done, and that the log reports this.
fn in_the_middle(folder: &Path, kills: usize) {
    let log = open(folder);
    let rows = rows(log.view());
    assert!(without_holes(&rows) > 0, "something is gone");
    assert_eq!(rows.iter().any(is_old), KILLS[kills] == ENTRIES, "the entries go first");
    let told = (of_action(&rows, "retention.started").len(), of_action(&rows, COMPLETED).len());
    assert_eq!(told, (kills + 1, 0), "told before it began, and not as done");
    let state = log.crons(&admin(log.view())).expect("states").remove(0).state;
    assert!(state.running_since.is_some(), "the run is not over");
    index_agrees(log.view(), &rows, &["user:old-1*", "user:young", "-user:old*"]);
    log.close();
}

/// Checks that each start of a run has the beginning of the log at that time, and that the only completion has the
/// removals of the last run.
fn truthful(rows: &[Entry], first: u64) {
    let started = of_action(rows, "retention.started");
    let number = |value: &Json| value.as_u64().expect("a number");
    assert_eq!(started.len(), KILLS.len() + 1);
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
    let completed = of_action(rows, COMPLETED);
    assert_eq!(completed.len(), 1, "it was completed once");
    assert_eq!(number(&completed[0].details["entries"]), number(&started[0].details["expected"]));
    assert!(of_action(rows, "retention.failed").is_empty());
}
