//! What a cleanup removes and when, who may start it, and how fast the log grows.

use std::sync::Arc;

use mcp_audit_log::event::{Body, Caller, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::time::{Clock, DAY};
use mcp_audit_log::{Options, RunError};

use crate::support::{CLEANUP, access, clock, entries, has_tool, of_action, open, place_hold, record, runs, set};

#[tokio::test]
async fn entries_older_than_the_setting_are_removed_and_the_run_recorded() {
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

/// What judged the removed entries is needed for bundles that were made of them before, and by those that are left.
#[tokio::test]
async fn components_and_what_judged_stay_when_their_entries_go() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    set(&log, serde_json::json!({ "payload_retention_days": 7 }));
    record(&log, "old").await;
    let before = log.view().judged_by(0).expect("read").expect("a record");
    clock.advance(95 * DAY);
    log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");
    assert!(!has_tool(&log, "old"));
    assert_eq!(log.view().judged_by(0).expect("read"), Some(before.clone()));
    log.view().kept_component(&before.digests()[0]).expect("its component");
    drop(log);
    let log = open(folder.path(), &clock);
    log.view().kept_component(&before.digests()[0]).expect("after a start, too");
    // Entries of a cleanup say what judges, for those that were recorded since the last start.
    let completed = &of_action(&log, "retention.completed")[0].details;
    assert_eq!((completed["judgement_since"].as_u64(), completed["judgement"].is_string()), (Some(2), true));
}

#[tokio::test]
async fn nothing_of_an_old_entry_is_left_in_the_files() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    // Usage would keep the name for longer.
    let as_long_as_entries = serde_json::json!({ "usage_retention_days": 90 });
    let admin = access(&log, "admin");
    log.change_settings(&admin, as_long_as_entries.as_object().expect("an object")).expect("changed");
    for (user, days) in [("ursula-the-old", 95), ("uma-the-young", 0)] {
        let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        let caller = Caller { user: Some(user.into()), ..Caller::default() };
        log.record_durably(Event { caller, ..event }).await.expect("stored");
        log.sign().expect("signed");
        clock.advance(days * DAY);
    }
    log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");
    assert_eq!(of_action(&log, "retention.completed")[0].details["entries"], 3, "start, setting and call");
    drop(log);
    let has = |name: &str| {
        let files = std::fs::read_dir(folder.path()).expect("files").map(|file| file.expect("a file").path());
        // Components of policies hold nothing that was recorded.
        let files = files.filter(|path| !path.is_dir());
        let has = |bytes: Vec<u8>| bytes.windows(name.len()).any(|window| window == name.as_bytes());
        let read = |file: &std::path::PathBuf| match std::fs::read(file) {
            // The log's own threads release it after ours, and their files disappear with them.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.expect("bytes"),
        };
        files.filter(|file| has(read(file))).count()
    };
    assert_eq!((has("uma-the-young"), has("ursula-the-old")), (1, 0));
}

#[tokio::test]
async fn the_cleanup_follows_the_current_setting() {
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
async fn running_a_job_needs_the_right_to_configure_and_a_known_name() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    for group in ["user", "auditor", "billing-admin", "nobody"] {
        assert!(matches!(log.run_cron(&access(&log, group), CLEANUP), Err(RunError::Denied(_))), "{group}");
        // An auditor reads the schedule without starting it.
        assert_eq!(log.crons(&access(&log, group)).is_ok(), group == "auditor", "{group}");
    }
    assert!(matches!(log.run_cron(&access(&log, "owner"), "Sweep"), Err(RunError::Unknown { .. })));
}

#[tokio::test]
async fn the_log_runs_its_own_schedule() {
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

#[tokio::test]
async fn payloads_are_removed_after_their_own_period_and_entries_stay() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    set(&log, serde_json::json!({ "log_payloads": true, "payload_retention_days": 10 }));
    let mut ids = Vec::new();
    for tool in ["old", "new"] {
        let payload = Payload { request: Some(Body::whole("{}")), response: None };
        let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        let event = Event { target: Some(Target::Tool(tool.into())), payload: Some(payload), ..event };
        ids.push(event.id);
        log.record_durably(event).await.expect("stored");
        log.sign().expect("signed");
        clock.advance(6 * DAY);
    }
    let auditor = access(&log, "auditor");
    let kept = || ids.iter().map(|id| log.read_payload(&auditor, *id).expect("read").is_some()).collect::<Vec<_>>();
    let hold = place_hold(&log, clock.now().plus(-20 * DAY));
    log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");
    assert_eq!(kept(), [true, true], "held");
    log.release_hold(&access(&log, "admin"), hold.id, "over").expect("released");
    log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");
    assert_eq!(kept(), [false, true]);
    assert!(has_tool(&log, "old") && has_tool(&log, "new"), "only the payload goes");
    assert_eq!(of_action(&log, "retention.completed")[0].details["payloads"], 1);
    set(&log, serde_json::json!({ "payload_retention_days": 0 }));
    clock.advance(60 * DAY);
    log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");
    assert_eq!(kept(), [false, true], "0 keeps a payload as long as its entry");
}

#[tokio::test]
async fn growth_is_measured_over_the_last_week() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let admin = access(&log, "admin");
    let growth = || {
        let reader = log.view().reader(&admin);
        reader.growth(&reader.extent().expect("measured"), clock.now()).expect("measured")
    };
    assert_eq!(growth(), None, "too young");
    for _ in 0..60 {
        record(&log, "burst").await;
    }
    clock.advance(2 * DAY);
    assert_eq!(growth().map(|growth| growth.entries), Some(30), "since the beginning: 61 in two days");
    for _ in 0..14 {
        clock.advance(DAY);
        record(&log, "daily").await;
        record(&log, "daily").await;
    }
    let growth = growth().expect("old enough");
    // The seventh day before now is the first that counts.
    assert_eq!(growth.entries, 2, "the burst is long ago");
    assert!(growth.bytes > 0);
    assert!(
        log.view()
            .reader(&access(&log, "user"))
            .growth(&log.view().reader(&admin).extent().expect("measured"), clock.now())
            .is_err()
    );
}
