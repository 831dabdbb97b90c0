//! Retention and schedule with a clock that the test sets.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::path::Path;
use std::sync::Arc;

use mcp_audit::domain::Domain;
use mcp_audit::entry::Entry;
use mcp_audit::event::{Body, Channel, Detail, Event, Kind, Payload, Target};
use mcp_audit::field::Field;
use mcp_audit::hold::{Hold, NewHold};
use mcp_audit::recorder::RecordError;
use mcp_audit::time::{Clock, DAY, ManualClock, Timestamp};
use mcp_audit::{Access, AuditLog, ChangeError, CleanupProgress, Options, RunError, Viewer};

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

/// The entries of this action, the newest first.
fn of_action(log: &AuditLog, action: &str) -> Vec<Entry> {
    entries(log).into_iter().filter(|entry| entry.text(Field::Action) == Some(action)).collect()
}

fn runs(log: &AuditLog) -> usize {
    of_action(log, "retention.completed").len()
}

fn set(log: &AuditLog, wanted: serde_json::Value) {
    log.change_settings(&access(log, "admin"), wanted.as_object().expect("an object")).expect("changed");
}

/// Holds what is recorded from `from` on until a day later.
fn place_hold(log: &AuditLog, from: Timestamp) -> Hold {
    let wanted = NewHold { from, to: Some(from.plus(DAY)), reason: "case 7".into() };
    log.place_hold(&access(log, "admin"), wanted).expect("placed")
}

/// Calls `then` after each chunk that a cleanup on this thread has removed.
struct AfterChunk<F>(F);

impl<F: Fn() + 'static> tracing::Subscriber for AfterChunk<F> {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "mcp_audit::log::run" && *metadata.level() == tracing::Level::DEBUG
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        (self.0)();
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// A log with more than two chunks of old entries.
async fn many(log: &AuditLog, clock: &ManualClock) {
    for _ in 0..1_200 {
        log.record(Event::new(log.now(), Channel::Mcp, Kind::Request, Detail::Ok)).expect("taken");
    }
    record(log, "old").await;
    clock.advance(95 * DAY);
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

#[tokio::test]
async fn payloads_go_after_their_own_period_and_their_entries_stay() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    set(&log, serde_json::json!({ "log_payloads": true, "payload_retention_days": 10 }));
    let mut ids = Vec::new();
    for tool in ["old", "new"] {
        let payload = Payload { request: Some(Body::whole("{}")), response: None };
        let event = Event::new(log.now(), Channel::Mcp, Kind::Request, Detail::Ok);
        let event = Event { target: Some(Target::Tool(tool.into())), payload: Some(payload), ..event };
        ids.push(event.id);
        log.record_durably(event).await.expect("stored");
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
async fn a_hold_keeps_what_came_after_its_start_until_it_is_released() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let admin = access(&log, "admin");
    record(&log, "before").await;
    clock.advance(DAY);
    let hold = place_hold(&log, clock.now());
    record(&log, "within").await;
    clock.advance(10 * DAY);
    record(&log, "after").await;
    clock.advance(200 * DAY);
    let state = log.run_cron(&admin, CLEANUP).expect("run");
    assert_eq!(["before", "within", "after"].map(|tool| has_tool(&log, tool)), [false, true, true]);
    assert!(state.last_message.is_some_and(|message| message.contains("legal hold")));
    assert_eq!(of_action(&log, "retention.completed")[0].details["held_from"], hold.from.to_string());

    let placed = of_action(&log, "hold.placed").remove(0);
    assert_eq!((placed.text(Field::User), placed.text(Field::ResourceType)), (Some("anna"), Some("hold")));
    assert_eq!(placed.text(Field::ResourceId), Some(hold.id.to_string().as_str()));
    assert_eq!(
        (&placed.details["reason"], &placed.details["to"]),
        (&"case 7".into(), &hold.to.map(|to| to.to_string()).into())
    );

    for reason in ["", " "] {
        assert!(log.release_hold(&admin, hold.id, reason).is_err(), "no reason");
    }
    let released = log.release_hold(&admin, hold.id, "the case is closed").expect("released");
    assert_eq!(log.holds(&admin).expect("holds"), [released]);
    assert!(log.release_hold(&admin, hold.id, "again").is_err(), "released once");
    assert_eq!(of_action(&log, "hold.released")[0].details["reason"], "the case is closed");
    log.run_cron(&admin, CLEANUP).expect("run");
    assert!(!has_tool(&log, "within") && !has_tool(&log, "after"));
    assert!(of_action(&log, "retention.completed")[0].details.get("held_from").is_none());
}

#[tokio::test]
async fn a_hold_that_is_placed_meanwhile_stops_a_running_cleanup() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    many(&log, &clock).await;
    let (other, from) = (log.clone(), clock.now().plus(-100 * DAY));
    let place = move || {
        let admin = access(&other, "admin");
        if other.holds(&admin).expect("holds").is_empty() && progress(&other).entries > 0 {
            place_hold(&other, from);
        }
    };
    let run = || log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");
    let state = tracing::subscriber::with_default(AfterChunk(place), run);
    assert!(has_tool(&log, "old"), "{state:?}");
    assert_eq!(of_action(&log, "retention.completed")[0].details["entries"], 500);
}

fn progress(log: &AuditLog) -> CleanupProgress {
    log.crons(&access(log, "admin")).expect("states").remove(0).progress.expect("running")
}

#[tokio::test]
async fn a_running_cleanup_tells_how_far_it_is_and_lets_recording_go_first() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    many(&log, &clock).await;
    let seen: Arc<std::sync::Mutex<Vec<(u64, u64, bool)>>> = Arc::default();
    let (other, told) = (log.clone(), Arc::clone(&seen));
    let look = move || {
        let CleanupProgress { entries, expected, .. } = progress(&other);
        told.lock().expect("a lock").push((entries, expected, has_tool(&other, "meanwhile")));
        let again = other.start_cron(&access(&other, "admin"), CLEANUP);
        assert!(matches!(again, Err(RunError::Running)), "one at a time");
        let event = Event::new(other.now(), Channel::Mcp, Kind::Request, Detail::Ok);
        let event = Event { target: Some(Target::Tool("meanwhile".into())), ..event };
        other.record(event).expect("taken");
    };
    let run = || log.run_cron(&access(&log, "admin"), CLEANUP).expect("run");
    tracing::subscriber::with_default(AfterChunk(look), run);
    // The start of the log is an entry as well.
    let expected = [(0, 1_202, false), (500, 1_202, true), (1_000, 1_202, true), (1_202, 1_202, true)];
    assert_eq!(*seen.lock().expect("a lock"), expected);
    let started = of_action(&log, "retention.started");
    assert_eq!(started.len(), 1);
    assert_eq!((&started[0].details["expected"], &started[0].details["first_place"]), (&1_202.into(), &0.into()));
    assert_eq!(log.crons(&access(&log, "admin")).expect("states")[0].progress, None, "it is over");
}

/// Interrupts a cleanup after its first chunk: by closing the log, or as a kill does it, by leaving the files as they are.
async fn interrupted(clock: &Arc<ManualClock>, killed: bool) -> tempfile::TempDir {
    let (folder, copy) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let log = open(folder.path(), clock);
    many(&log, clock).await;
    let (other, from, to) = (log.clone(), folder.path().to_owned(), copy.path().to_owned());
    let interrupt = move || match progress(&other).entries {
        500 if killed => copy_files(&from, &to),
        500 => other.close(),
        _ => {}
    };
    let run = || log.run_cron(&access(&log, "admin"), CLEANUP);
    let result = tracing::subscriber::with_default(AfterChunk(interrupt), run);
    assert_eq!(matches!(result, Err(RunError::Record(RecordError::Closed))), !killed, "{result:?}");
    if killed { copy } else { folder }
}

fn copy_files(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("files") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

#[tokio::test]
async fn a_cleanup_that_was_interrupted_is_finished_after_the_next_start() {
    for killed in [false, true] {
        let clock = clock();
        let folder = interrupted(&clock, killed).await;
        let log = open(folder.path(), &clock);
        assert_eq!((runs(&log), of_action(&log, "retention.started").len()), (0, 1), "told before it began");
        assert!(has_tool(&log, "old"), "it was in the middle");
        let state = log.crons(&access(&log, "admin")).expect("states").remove(0).state;
        assert!(state.next_run.is_some_and(|next| next > clock.now()), "not because its slot has come");
        log.run_due().expect("run");
        log.run_due().expect("looked");
        assert!(!has_tool(&log, "old"));
        let completed = of_action(&log, "retention.completed");
        assert_eq!((completed.len(), &completed[0].details["entries"]), (1, &702.into()));
        let started = of_action(&log, "retention.started");
        assert_eq!((started.len(), &started[0].details["resumed"]), (2, &true.into()));
        assert_eq!((&started[0].details["first_place"], &started[0].details["manual"]), (&500.into(), &false.into()));
    }
}

#[tokio::test]
async fn only_those_who_configure_hold_and_only_what_makes_sense() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let hold = place_hold(&log, clock.now());
    let wanted = || NewHold { from: clock.now(), to: None, reason: "case 8".into() };
    for group in ["user", "auditor", "billing-admin", "nobody"] {
        let who = access(&log, group);
        assert!(matches!(log.place_hold(&who, wanted()), Err(ChangeError::Denied(_))), "{group}");
        assert!(matches!(log.release_hold(&who, hold.id, "x"), Err(ChangeError::Denied(_))), "{group}");
        assert_eq!(log.holds(&who).is_ok(), group == "auditor", "{group}");
    }
    let admin = access(&log, "admin");
    for bad in [NewHold { to: Some(clock.now()), ..wanted() }, NewHold { reason: " ".into(), ..wanted() }] {
        assert!(matches!(log.place_hold(&admin, bad), Err(ChangeError::Refused(_))));
    }
    let missing = log.release_hold(&admin, mcp_audit::event::new_id(clock.now()), "x");
    assert!(matches!(missing, Err(ChangeError::Missing(_))));
    assert_eq!(of_action(&log, "hold.placed").len(), 1);
    drop(log);
    assert_eq!(open(folder.path(), &clock).holds(&admin).expect("holds"), [hold], "a hold outlives the process");
}

#[tokio::test]
async fn growth_is_told_by_the_last_week() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let admin = access(&log, "admin");
    let growth = || {
        let reader = log.reader(&admin);
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
        log.reader(&access(&log, "user")).growth(&log.reader(&admin).extent().expect("measured"), clock.now()).is_err()
    );
}
