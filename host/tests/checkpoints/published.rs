//! A published folder that the log finds again after the entries of that time were removed.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_audit_log::AuditLog;
use mcp_audit_log::field::Field;
use mcp_audit_log::publish::Destinations;
use mcp_audit_log::time::{DAY, ManualClock, SECOND};
use serde_json::json;

use crate::support::{access, clock, newest, of_action, options, record};

/// A log of ten days after a cleanup, and for each day the archived note and another one.
async fn cleaned(folder: &std::path::Path, clock: &Arc<ManualClock>) -> Vec<(String, String)> {
    let log = options(folder, clock).believe_clock().open().expect("a log");
    let wanted = json!({ "retention_days": 5 });
    log.change_settings(&access(log.view(), &["admin"]), wanted.as_object().expect("an object")).expect("changed");
    let note = |log: &AuditLog| newest(log.view()).expect("a checkpoint").checkpoint.note;
    let mut notes = Vec::new();
    for day in 0..10 {
        log.sign().expect("signed");
        let first = note(&log);
        record(&log, &format!("day-{day}")).await;
        clock.advance(60 * SECOND);
        log.sign().expect("signed");
        notes.push((first, note(&log)));
        // So that the next day's is of another size.
        record(&log, &format!("later-{day}")).await;
        clock.advance(DAY);
    }
    log.run_cron(&access(log.view(), &["admin"]), "MCP: Cleanup Old Audit Logs").expect("run");
    log.close();
    notes
}

fn until(log: &AuditLog, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come to that");
        log.sign_due().expect("looked");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn archived_checkpoints_must_link_to_checkpoints_published_before_a_cleanup() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let notes = cleaned(folder.path(), &clock).await;
    let open = |published: &std::path::Path| {
        let places = Destinations { folder: Some(published.to_owned()), ..Destinations::default() };
        options(folder.path(), &clock).publish(places).open().expect("a log")
    };
    let (archived, other) = notes[1].clone();
    let published = tempfile::tempdir().expect("a folder");
    let newest_file = published.path().join("checkpoint");
    fs::write(&newest_file, archived).expect("written");
    let log = open(published.path());
    log.sign().expect("signed");
    log.close();
    let last = fs::read(folder.path().join("signing.last")).expect("the last one");
    assert_eq!(fs::read(&newest_file).expect("published"), last, "it leads to what is there");
    drop(log);

    // Genuine, and from a time that nothing else proves.
    fs::write(&newest_file, &other).expect("written");
    let before = fs::read_dir(published.path()).expect("files").count();
    let log = open(published.path());
    until(&log, || of_action(log.view(), "checkpoint.conflict_found").len() == 1);
    let conflict = of_action(log.view(), "checkpoint.conflict_found").remove(0);
    let reason = conflict.details["reason"].as_str().expect("a reason");
    assert!(reason.contains("cannot check it any more") && reason.contains("new folder"), "{reason}");
    assert_eq!((conflict.text(Field::Outcome), conflict.text(Field::ErrorType)), (Some("error"), Some("publishing")));
    log.close();
    assert_eq!(fs::read_to_string(&newest_file).expect("published"), other);
    assert_eq!(fs::read_dir(published.path()).expect("files").count(), before, "nothing was written");
}
