//! The clock and the cleanup: it trusts signed and published checkpoints, and the clock only as far as they confirm it.

use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::field::Field;
use mcp_audit_log::publish::Destinations;
use mcp_audit_log::time::{Clock, DAY, ManualClock, SECOND};
use mcp_audit_log::{AuditLog, ChangeError, Options};
use serde_json::json;

use crate::support::{access, clock, entries, of_action, open, options, record, stand};

const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";

/// A log that keeps entries for five days, with one call a day for ten days, and a checkpoint each day.
async fn ten_days(log: &AuditLog, clock: &Arc<ManualClock>) {
    let wanted = json!({ "retention_days": 5 });
    log.change_settings(&access(log.view(), &["admin"]), wanted.as_object().expect("an object")).expect("changed");
    for day in 0..10 {
        record(log, &format!("day-{day}")).await;
        log.sign().expect("signed");
        clock.advance(DAY);
    }
}

/// The first day that remains after a manual cleanup, and the run's message.
fn cleaned(log: &AuditLog) -> (String, String) {
    let state = log.run_cron(&access(log.view(), &["admin"]), CLEANUP).expect("run");
    assert_eq!(state.last_succeeded, Some(true), "{:?}", state.last_message);
    (first_day(log), state.last_message.unwrap_or_default())
}

fn first_day(log: &AuditLog) -> String {
    let first = entries(log.view()).into_iter().rev().find_map(|entry| entry.text(Field::Tool).map(ToOwned::to_owned));
    first.unwrap_or_default()
}

#[tokio::test]
async fn entries_old_by_clock_and_checkpoints_are_removed() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    ten_days(&log, &clock).await;
    // At day 10: what was signed on day 4 is six days old, and what was signed on day 5 lacks an hour.
    assert_eq!(cleaned(&log).0, "day-5");
    clock.advance(3_600 * SECOND);
    assert_eq!(cleaned(&log).0, "day-6");
    for entry in [of_action(log.view(), "retention.started"), of_action(log.view(), "retention.completed")].concat() {
        let before =
            |(_, value): &(&String, &serde_json::Value)| value.as_str().is_some_and(|text| text.starts_with('-'));
        assert_eq!(entry.details.iter().find(before), None, "no moment of before there were any");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_does_not_empty_the_log() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    ten_days(&log, &clock).await;
    clock.advance(400 * DAY);
    let (first, said) = cleaned(&log);
    assert_eq!(first, "day-7", "no more than three days early");
    assert!(
        said.contains("the clock jumped from 2026-01-10") && said.contains("until an admin confirms the clock"),
        "{said}"
    );
    assert!(of_action(log.view(), "retention.completed")[0].details["clock_doubted_from"].is_string());
    assert!(matches!(log.confirm_clock(&access(log.view(), &["auditor"])), Err(ChangeError::Denied(_))));
    log.confirm_clock(&access(log.view(), &["admin"])).expect("confirmed");
    assert_eq!(of_action(log.view(), "clock.confirmed")[0].text(Field::User), Some("anna"));
    assert_eq!(cleaned(&log).0, "", "by that clock all of it is old");
}

#[tokio::test]
async fn a_restart_does_not_hide_a_clock_jump() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    ten_days(&log, &clock).await;
    log.close();
    drop(log);
    clock.advance(400 * DAY);
    let log = open(folder.path(), &clock);
    log.run_due().expect("signed and cleaned");
    assert_eq!(cleaned(&log).0, "day-8", "the last checkpoint was signed on day 10");
}

#[tokio::test]
async fn a_clock_set_back_removes_nothing_early_and_stops_nothing() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    ten_days(&log, &clock).await;
    log.sign().expect("signed");
    clock.advance(-DAY);
    record(&log, "back").await;
    log.sign_due().expect("signed");
    assert!(stand(log.view()).1 > entries(log.view())[0].seq, "signed at once: the time since the last one is unknown");
    assert_eq!(cleaned(&log).0, "day-4", "at day 9");
    let recorded: Vec<_> = entries(log.view()).iter().map(|entry| entry.recorded_at).collect();
    assert!(recorded.is_sorted_by(|newer, older| newer >= older), "times of recording never go back");
    clock.advance(2 * DAY);
    assert_eq!(cleaned(&log).0, "day-6", "at day 11");
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_delay_the_next_cleanup() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    clock.advance(400 * DAY);
    log.run_due().expect("run");
    clock.advance(-400 * DAY);
    log.run_due().expect("looked");
    let next = log.crons(&access(log.view(), &["admin"])).expect("states").remove(0).state.next_run.expect("planned");
    assert!(next <= clock.now().plus(DAY), "{next}");
}

#[tokio::test]
async fn an_option_makes_the_cleanup_trust_the_clock() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = options(folder.path(), &clock).believe_clock().open().expect("a log");
    ten_days(&log, &clock).await;
    clock.advance(400 * DAY);
    assert_eq!(cleaned(&log).0, "");
}

#[tokio::test]
async fn nothing_is_removed_before_a_checkpoint_is_published() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let published = folder.path().join("published");
    std::fs::write(&published, "a file where a folder should be").expect("written");
    let log = publishing(options(folder.path(), &clock), &published);
    ten_days(&log, &clock).await;
    let state = log.run_cron(&access(log.view(), &["admin"]), CLEANUP).expect("run");
    assert_eq!((first_day(&log).as_str(), state.last_succeeded), ("day-0", Some(false)));
    assert!(state.last_message.is_some_and(|said| said.contains("could not be published to any destination")));
    assert_eq!(of_action(log.view(), "retention.failed").len(), 1);
    std::fs::remove_file(&published).expect("removed");
    std::fs::create_dir(&published).expect("created");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while of_action(log.view(), "checkpoint.publishing_recovered").is_empty() {
        assert!(std::time::Instant::now() < deadline, "it is not published");
        log.sign_due().expect("looked");
        std::thread::yield_now();
    }
    assert_eq!(cleaned(&log).0, "day-5");
}

/// An old published checkpoint covers the removed entries. The intent to remove them must be published as well.
#[tokio::test]
async fn nothing_is_removed_before_its_intent_is_published() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let published = folder.path().join("published");
    std::fs::create_dir(&published).expect("created");
    let log = publishing(options(folder.path(), &clock), &published);
    ten_days(&log, &clock).await;
    log.sign().expect("signed");
    let (newest, last) =
        (published.join("checkpoint"), crate::support::newest(log.view()).expect("a checkpoint").checkpoint.note);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while std::fs::read_to_string(&newest).ok().as_ref() != Some(&last) {
        assert!(std::time::Instant::now() < deadline, "it is not published");
        std::thread::yield_now();
    }
    log.sign_due().expect("looked");
    let kept = std::fs::read(&newest).expect("a file");
    std::fs::write(&newest, "not what a log may write over").expect("written");
    let state = log.run_cron(&access(log.view(), &["admin"]), CLEANUP).expect("run");
    assert_eq!((first_day(&log).as_str(), state.last_succeeded), ("day-0", Some(false)));
    log.sign_due().expect("looked");
    assert_eq!(of_action(log.view(), "checkpoint.conflict_found").len(), 1);
    assert_eq!(std::fs::read_to_string(&newest).expect("a file"), "not what a log may write over");
    std::fs::write(&newest, kept).expect("written");
    assert_eq!(cleaned(&log).0, "day-5");
    let intent = of_action(log.view(), "retention.started")[0].seq;
    let size = crate::support::read(&std::fs::read_to_string(&newest).expect("a file")).checkpoint().size;
    assert!(size > intent, "it is published that it goes");
}

fn publishing(options: Options, folder: &Path) -> AuditLog {
    options.publish(Destinations { folder: Some(folder.to_owned()), ..Destinations::default() }).open().expect("a log")
}
