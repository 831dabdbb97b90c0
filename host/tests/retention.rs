//! Retention and schedule with a clock that the test sets.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::path::Path;
use std::sync::Arc;

use mcp_audit::domain::Domain;
use mcp_audit::entry::Entry;
use mcp_audit::event::{Channel, Detail, Event, Kind, Target};
use mcp_audit::field::Field;
use mcp_audit::time::{Clock, DAY, ManualClock, Timestamp};
use mcp_audit::{Access, AuditLog, Options, RunError, Viewer};

const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::parse("2026-01-01T12:00:00Z").expect("a time")))
}

fn open(folder: &Path, clock: &Arc<ManualClock>) -> AuditLog {
    Options::new(folder).clock(Arc::clone(clock) as Arc<dyn Clock>).own_schedule().open().expect("a log")
}

fn access(log: &AuditLog, group: &str) -> Access {
    log.access(&Viewer { user: "anna".into(), groups: vec![group.into()], instance: None })
}

async fn record(log: &AuditLog, tool: &str) {
    let event = Event::new(log.now(), Channel::Mcp, Kind::Request, Detail::Ok);
    let event = Event { method: Some("tools/call".into()), target: Some(Target::Tool(tool.into())), ..event };
    log.record_durably(event).await.expect("stored");
}

fn entries(log: &AuditLog) -> Vec<Entry> {
    log.reader(&access(log, "admin")).page(Domain::TRUE, None, 500).expect("a page").entries
}

fn has_tool(log: &AuditLog, tool: &str) -> bool {
    entries(log).iter().any(|entry| entry.text(Field::Tool) == Some(tool))
}

fn runs(log: &AuditLog) -> usize {
    entries(log).iter().filter(|entry| entry.text(Field::Action) == Some("retention.completed")).count()
}

#[tokio::test]
async fn what_is_older_than_the_setting_goes_and_the_run_is_an_entry() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    record(&log, "old").await;
    clock.advance(40 * DAY);
    record(&log, "new").await;
    clock.advance(55 * DAY);

    let state = log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");

    assert_eq!(state.last_succeeded, Some(true));
    assert!(!has_tool(&log, "old") && has_tool(&log, "new"));
    let entries = entries(&log);
    let run = entries.iter().find(|entry| entry.text(Field::Action) == Some("retention.completed"));
    let run = run.expect("an entry");
    assert_eq!((run.text(Field::User), &run.details["manual"]), (Some("anna"), &true.into()), "who asked for it");
    let details = &run.details;
    assert_eq!((details["cron"].as_str(), details["entries"].as_i64()), (Some(CLEANUP), Some(2)), "start and call");
}

#[tokio::test]
async fn the_setting_in_force_decides() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    record(&log, "old").await;
    clock.advance(10 * DAY);
    let admin = access(&log, "admin");
    for (days, kept) in [(11, true), (9, false)] {
        let wanted = serde_json::json!({ "retention_days": days });
        log.change_settings(&admin, wanted.as_object().expect("an object")).expect("changed");
        log.run_cron(&admin, CLEANUP).expect("run");
        assert_eq!(has_tool(&log, "old"), kept, "{days} days");
    }
}

#[tokio::test]
async fn the_cleanup_runs_daily_and_once_after_any_downtime() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    log.run_due().expect("looked");
    assert_eq!(runs(&log), 0, "nothing is due at the start");
    clock.advance(DAY);
    log.run_due().expect("run");
    log.run_due().expect("looked");
    assert_eq!(runs(&log), 1);
    log.close();
    drop(log);

    clock.advance(30 * DAY);
    let log = open(folder.path(), &clock);
    log.run_due().expect("run");
    log.run_due().expect("looked");
    assert_eq!(runs(&log), 2, "thirty missed slots are one run");
    let state = log.crons(&access(&log, "admin")).expect("states").remove(0).state;
    assert!(state.next_run.is_some_and(|next| next > clock.now()));
}

#[tokio::test]
async fn only_those_who_configure_run_it_and_only_what_there_is() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    for group in ["user", "auditor", "billing-admin", "nobody"] {
        assert!(matches!(log.run_cron(&access(&log, group), CLEANUP), Err(RunError::Denied(_))), "{group}");
        // An auditor looks at the schedule without touching it.
        assert_eq!(log.crons(&access(&log, group)).is_ok(), group == "auditor", "{group}");
    }
    assert!(matches!(log.run_cron(&access(&log, "owner"), "Sweep"), Err(RunError::Unknown(_))));
}

#[tokio::test]
async fn the_log_watches_its_schedule_by_itself() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let options = Options::new(folder.path()).clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let log = options.open().expect("a log");
    clock.advance(2 * DAY);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while runs(&log) == 0 {
        assert!(std::time::Instant::now() < deadline, "the cleanup does not run by itself");
        tokio::task::yield_now().await;
    }
}
