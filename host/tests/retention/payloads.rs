//! Payloads: which are removed before their entries and which with them, and that the log still verifies.

use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload};
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::time::{Clock, DAY, ManualClock};
use mcp_audit_log::{AuditLog, Options, verify_log};
use rusqlite::Connection;
use serde_json::json;

use crate::support::{CLEANUP, access, clock, of_action, set};

/// A log that does not trust a jump of its clock.
fn careful(folder: &Path, clock: &Arc<ManualClock>) -> AuditLog {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Options::new(folder).clock(clock).own_schedule().open().expect("a log")
}

async fn call(log: &AuditLog) {
    let payload = Payload { request: Some(Body::whole("{\"a\":1}")), response: Some(Body::whole("{}")) };
    let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    log.record_durably(Event { payload: Some(payload), ..event }).await.expect("stored");
}

/// The numbers of entries with a payload, of stored payloads, and of entries whose payload is removed.
fn kept(folder: &Path) -> (u64, u64) {
    let raw = Connection::open(folder.join("mcp-audit-log.db")).expect("a raw connection");
    mcp_audit_log_store::show_columns(&raw).expect("a view");
    let number = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, u64>(0)).expect(sql);
    (
        number("SELECT count(*) FROM entries WHERE payload_commitment IS NOT NULL"),
        number("SELECT count(*) FROM payload"),
    )
}

fn whole(folder: &Path) {
    verify_log(folder, &SignerOptions::default(), Vec::new(), &|_, _, _| {}).expect("an honest log is whole");
}

fn run(log: &AuditLog) {
    let state = log.run_cron(&access(log, "admin"), CLEANUP).expect("run");
    assert_eq!(state.last_succeeded, Some(true), "{:?}", state.last_message);
}

/// Twelve days with two calls each, and a checkpoint each day.
async fn twelve_days(log: &AuditLog, clock: &ManualClock) {
    for _ in 0..12 {
        call(log).await;
        call(log).await;
        log.sign().expect("signed");
        clock.advance(DAY);
    }
}

#[tokio::test]
async fn a_payload_removed_with_its_entry_is_not_removed_sooner() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = careful(folder.path(), &clock);
    set(&log, json!({ "log_payloads": true, "retention_days": 5, "payload_retention_days": 0 }));
    twelve_days(&log, &clock).await;
    run(&log);
    let (entries, payloads) = kept(folder.path());
    assert!(entries < 24 && entries > 8, "{entries}");
    assert_eq!(payloads, entries);
    whole(folder.path());
    // Entries are kept from such a clock, and so must what they committed to be.
    clock.advance(400 * DAY);
    run(&log);
    let (after, payloads) = kept(folder.path());
    assert_eq!((entries - after, payloads), (6, after), "three days, as the leap counts for no more");
    log.close();
    whole(folder.path());
}

#[tokio::test]
async fn payloads_are_removed_before_their_entries_as_announced() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = careful(folder.path(), &clock);
    set(&log, json!({ "log_payloads": true, "retention_days": 90, "payload_retention_days": 5 }));
    twelve_days(&log, &clock).await;
    run(&log);
    let told = |name: &str| of_action(&log, name)[0].details.clone();
    let said = told("retention.started")["payloads_expected_below"].as_u64().expect("a place");
    let (entries, payloads) = kept(folder.path());
    assert_eq!((entries, payloads), (24, 10), "those of five days are kept");
    let done = told("retention.completed");
    let below = done["payloads_first_place"].as_u64().expect("a place");
    assert!(below <= said && said <= below + 1 && done["payloads"] == 14, "{below} {said} {done:?}");
    clock.advance(400 * DAY);
    run(&log);
    assert_eq!(kept(folder.path()), (24, 4), "three days by the leap");
    log.close();
    whole(folder.path());
}

/// Actions on tokens are in a separate file.
#[tokio::test]
async fn a_broken_file_of_tokens_does_not_stop_the_daily_cleanup() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = careful(folder.path(), &clock);
    std::fs::write(folder.path().join("tokens.db"), "nonsense".repeat(1_000)).expect("written");
    clock.advance(DAY);
    log.run_due().expect_err("that is said all the same");
    assert_eq!(crate::support::runs(&log), 1);
}
