//! Between the steps of a cleanup: recording, holds, reads, stops.

use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::recorder::RecordError;
use mcp_audit_log::time::{Clock, DAY, ManualClock};
use mcp_audit_log::{AuditLog, CleanupProgress, RunError};

use crate::support::{CLEANUP, access, clock, has_tool, of_action, open, place_hold, record, runs};

/// Calls `then` after each chunk that a cleanup on this thread has removed.
struct AfterChunk<F>(F);

impl<F: Fn() + 'static> tracing::Subscriber for AfterChunk<F> {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("mcp_audit_log_service") && *metadata.level() == tracing::Level::DEBUG
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
        log.record(Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok)).expect("taken");
    }
    record(log, "old").await;
    clock.advance(95 * DAY);
}

fn progress(log: &AuditLog) -> CleanupProgress {
    let crons = log.crons(&access(log, "admin")).expect("states");
    let cleanup = crons.into_iter().find(|cron| cron.name == CLEANUP).expect("declared");
    cleanup.progress.expect("running").cleanup.expect("planned")
}

#[tokio::test]
async fn a_new_hold_stops_a_running_cleanup() {
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

#[tokio::test]
async fn a_running_cleanup_shows_its_progress_and_yields_to_recording() {
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
        let event = Event::new(other.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
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
    assert!(log.crons(&access(&log, "admin")).expect("states").iter().all(|cron| cron.progress.is_none()), "over");
}

/// Interrupts a cleanup after its first chunk: by closing the log, or as a kill does it, by leaving the files as they
/// are.
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
        // The components in it are kept again by the next start.
        if file.path().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
        }
    }
}

#[tokio::test]
async fn an_interrupted_cleanup_is_finished_after_the_next_start() {
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
