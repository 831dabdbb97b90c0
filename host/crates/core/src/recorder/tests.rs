//! The recorder before a store that fails or is slow: what was taken in is stored exactly once, in order, or refused by
//! name.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use mcp_audit_log_store::SqliteWriter;
use uuid::Uuid;

use super::*;
use mcp_audit_log_contract::hold::{Hold, HoldChange};
use mcp_audit_log_contract::settings::{SettingChange, Settings};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{Batch, PageAnchor, PageQuery, StoreFailure, StoreReader};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Channel, Kind, OutcomeDetail};
use mcp_audit_log_model::time::SystemClock;
use mcp_audit_log_sandbox::{Limits, Policy};

mod changes;

/// What a commit does.
enum Step {
    /// Fails, and nothing was stored.
    FailBefore,
    /// Fails, but everything was stored.
    FailAfter,
    /// Reports that it has begun, and stores when the test releases it or has ended.
    Hold(Sender<()>, Receiver<()>),
}

/// A writer that fails as configured.
struct Flaky {
    inner: SqliteWriter,
    steps: VecDeque<Step>,
    /// An entry that it always rejects.
    poison: Option<Uuid>,
}

fn failed(failure: StoreFailure) -> StoreError {
    StoreError::Database { doing: "a test", failure, source: "it failed".into() }
}

impl Writer for Flaky {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError> {
        if batch.entries.iter().any(|prepared| Some(prepared.entry().id) == self.poison) {
            return Err(failed(StoreFailure::Refused));
        }
        match self.steps.pop_front() {
            Some(Step::FailBefore) => Err(failed(StoreFailure::Unavailable)),
            Some(Step::FailAfter) => self.inner.commit(batch).and(Err(failed(StoreFailure::Unavailable))),
            Some(Step::Hold(begun, go)) => {
                let _ = begun.send(());
                let _ = go.recv();
                self.inner.commit(batch)
            }
            None => self.inner.commit(batch),
        }
    }

    fn prune(&mut self, removal: Removal) -> Result<Pruned, StoreError> {
        self.inner.prune(removal)
    }
}

fn recorder(folder: &Path, steps: Vec<Step>, poison: Option<Uuid>) -> (StoreReader, Recorder) {
    let (files, _, recorder) = with_settings(folder, steps, poison);
    (files, recorder)
}

fn with_settings(folder: &Path, steps: Vec<Step>, poison: Option<Uuid>) -> (StoreReader, SharedPolicy, Recorder) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let policy = Arc::new(Policy::builtin(Limits::default(), clock.now()).expect("the default policy"));
    let settings = Arc::new(Settings::load(&policy.manifest().settings, &Default::default()));
    let active = SharedPolicy::new(ActivePolicy { policy, settings, configured: None, since: Some(0) });
    let (files, inner) = mcp_audit_log_store::open(folder).expect("a log");
    let writer = Box::new(Flaky { inner, steps: steps.into(), poison });
    let parts = RecorderParts {
        active: active.clone(),
        probation: None,
        files: files.clone(),
        writer,
        clock,
        prices: Default::default(),
    };
    (files, active, Recorder::start(parts, QueueLimits::default()).expect("threads"))
}

/// A held commit: the step for the writer, a signal that it has begun, and the sender that releases it.
fn held() -> (Step, Receiver<()>, Sender<()>) {
    let ((begun, has_begun), (go, may_go)) = (channel(), channel());
    (Step::Hold(begun, may_go), has_begun, go)
}

/// Ids of everything stored, in order.
fn ids(files: &StoreReader) -> Vec<Uuid> {
    entries(files).iter().rev().map(|entry| entry.id).collect()
}

fn event() -> Event {
    Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok)
}

fn entries(files: &StoreReader) -> Vec<Entry> {
    files.page(&PageQuery { domain: Domain::TRUE, from: PageAnchor::Newest, limit: 500 }).expect("a page").entries
}

#[tokio::test]
async fn a_failed_commit_is_retried_and_stores_once() {
    for steps in
        [vec![Step::FailBefore], vec![Step::FailAfter], vec![Step::FailBefore, Step::FailAfter, Step::FailAfter]]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let failures = steps.len() as u64;
        let (files, recorder) = recorder(folder.path(), steps, None);
        let sent: Vec<_> = (0..20).map(|_| event()).collect();
        for event in &sent {
            recorder.record(event.clone()).expect("taken");
        }
        recorder.record_durably(event()).await.expect("stored");
        let stored: Vec<_> = entries(&files).iter().rev().map(|entry| entry.id).collect();
        assert_eq!(stored[..20], sent.iter().map(|event| event.id).collect::<Vec<_>>());
        assert_eq!(stored.len(), 21);
        assert_eq!(recorder.ready(), Ok(()));
        assert_eq!(recorder.gauges().failed.load(Ordering::Relaxed), failures);
        assert_eq!(recorder.gauges().stored.load(Ordering::Relaxed), 21);
    }
}

#[tokio::test]
async fn a_rejected_entry_is_reported_and_loses_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let poison = event();
    let (files, recorder) = recorder(folder.path(), Vec::new(), Some(poison.id));
    let sent: Vec<_> = (0..9).map(|_| event()).collect();
    for event in &sent[..5] {
        recorder.record(event.clone()).expect("taken");
    }
    let refused = recorder.record_durably(poison).await.expect_err("refused");
    assert!(matches!(refused, RecordError::Refused(_)));
    for event in &sent[5..] {
        recorder.record_durably(event.clone()).await.expect("stored");
    }
    let entries = entries(&files);
    assert!(sent.iter().all(|event| entries.iter().any(|entry| entry.id == event.id)));
    assert!(entries.iter().any(|entry| entry.details.get("dropped").is_some()), "the loss is an entry");
}

#[tokio::test]
async fn changes_fail_fast_while_the_store_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let steps = (0..1_000).map(|_| Step::FailBefore).collect();
    let (_files, recorder) = recorder(folder.path(), steps, None);
    recorder.record(event()).expect("taken");
    while recorder.ready() != Err(Unready::Failing) {
        tokio::task::yield_now().await;
    }
    assert_eq!(recorder.change(StateChange::default(), vec![event()]), Err(RecordError::Unavailable));
}

#[test]
fn a_rejected_change_without_an_entry_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, recorder) = recorder(folder.path(), Vec::new(), None);
    let at = SystemClock.now();
    let (reason, placed_by) = ("case 7".to_owned(), "anna".to_owned());
    // It ends before it begins, which the database does not take.
    let hold = Hold { id: Uuid::nil(), from: at, to: Some(at), reason, placed_by, placed_at: at, released: None };
    let change = StateChange { holds: vec![HoldChange::Place(hold)], ..StateChange::default() };
    assert!(matches!(recorder.change(change, Vec::new()), Err(RecordError::Refused(_))));
    assert_eq!(files.holds().expect("read"), []);
}

/// Records `events`, each after the one before was taken by the thread that judges.
fn one_by_one(recorder: &Recorder, events: &[Event]) {
    for event in events {
        recorder.record(event.clone()).expect("taken");
        let (judged, is_judged) = channel();
        let told = move || {
            let _ = judged.send(());
            Vec::new()
        };
        recorder.record_later(0, told).expect("taken");
        let patience = Duration::from_secs(30);
        is_judged.recv_timeout(patience).expect("judged while another batch is being stored");
    }
}

#[tokio::test]
async fn judging_overlaps_with_storing_and_keeps_the_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hold, begun, go) = held();
    let steps = vec![hold, Step::FailBefore, Step::FailAfter, Step::FailBefore];
    let (files, recorder) = recorder(folder.path(), steps, None);
    let sent: Vec<_> = (0..40).map(|_| event()).collect();
    recorder.record(sent[0].clone()).expect("taken");
    begun.recv().expect("the first commit begins");
    // One batch is held, the next waits, and more than that is being judged.
    one_by_one(&recorder, &sent[1..3]);
    sent[3..].iter().for_each(|event| recorder.record(event.clone()).expect("taken"));
    drop(go);
    recorder.record_durably(event()).await.expect("stored");
    let sent: Vec<_> = sent.iter().map(|event| event.id).collect();
    assert_eq!((&ids(&files)[..40], ids(&files).len()), (&sent[..], 41), "each once, in order");
    assert!(recorder.ready().is_ok());
}

#[tokio::test]
async fn a_change_applies_to_every_later_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hold, begun, go) = held();
    let (_files, active, recorder) = with_settings(folder.path(), vec![hold], None);
    recorder.record(event()).expect("taken");
    begun.recv().expect("the first commit begins");
    let change = SettingChange { key: "log_payloads".into(), old: false.into(), new: true.into() };
    let (done, is_done) = mpsc::sync_channel(1);
    let change = StateChange { settings: vec![change], ..StateChange::default() };
    recorder.queue.push(Work::Change(Box::new(change), vec![event()], done)).expect("taken");
    let seen = Arc::new(AtomicBool::new(false));
    let ((told, is_told), see) = (channel(), Arc::clone(&seen));
    let look = move || {
        see.store(active.now().settings.log_payloads(), Ordering::Relaxed);
        let _ = told.send(());
        Vec::new()
    };
    recorder.record_later(0, look).expect("taken");
    // A caller that does not wait for the store gets this far while it is held; one that waits does not.
    let _ = is_told.recv_timeout(Duration::from_millis(200));
    drop(go);
    is_done.recv().expect("an answer").expect("changed");
    recorder.record_durably(event()).await.expect("stored");
    assert!(seen.load(Ordering::Relaxed), "it was judged by the settings of before");
}

#[test]
fn closing_stores_queued_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hold, begun, go) = held();
    let (files, recorder) = recorder(folder.path(), vec![hold], None);
    let sent: Vec<_> = (0..300).map(|_| event()).collect();
    recorder.record(sent[0].clone()).expect("taken");
    begun.recv().expect("the first commit begins");
    one_by_one(&recorder, &sent[1..2]);
    sent[2..].iter().for_each(|event| recorder.record(event.clone()).expect("taken"));
    let last = event();
    std::thread::scope(|scope| {
        scope.spawn(|| recorder.close(Some(last.clone())));
        while !recorder.queue.is_closed() {
            std::thread::yield_now();
        }
        drop(go);
    });
    let stored = ids(&files);
    let sent: Vec<_> = sent.iter().map(|event| event.id).collect();
    assert_eq!((&stored[..300], stored.last()), (&sent[..], Some(&last.id)));
}

#[test]
fn rejections_of_the_last_commit_are_reported_before_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hold, begun, go) = held();
    let poison = event();
    let (files, recorder) = recorder(folder.path(), vec![hold], Some(poison.id));
    recorder.record(event()).expect("taken");
    begun.recv().expect("the first commit begins");
    recorder.record(poison).expect("taken");
    std::thread::scope(|scope| {
        scope.spawn(|| recorder.close(None));
        while !recorder.queue.is_closed() {
            std::thread::yield_now();
        }
        // A caller that does not wait for the store is done by now.
        std::thread::sleep(Duration::from_millis(200));
        drop(go);
    });
    let gaps = entries(&files).iter().filter(|entry| entry.details.get("dropped") == Some(&1.into())).count();
    assert_eq!(gaps, 1);
}

/// A reader of the log can count: events offered, minus dropped and duplicate ones, equal entries.
#[tokio::test]
async fn the_last_entry_counts_the_results_of_all_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let (poison, twice) = (event(), event());
    let (files, recorder) = recorder(folder.path(), Vec::new(), Some(poison.id));
    for event in [event(), twice.clone(), event(), twice, poison, event()] {
        recorder.record(event).expect("taken");
    }
    recorder.record_later(1 << 40, Vec::new).expect_err("there is no room");
    recorder.record_later(0, || vec![event(), event()]).expect("taken");
    recorder.record_later(0, || panic!("a parser that fails")).expect("taken");
    recorder.close(Some(event()));
    let entries = entries(&files);
    let last = &entries[0].details;
    let gaps: i64 = entries[1..].iter().filter_map(|entry| entry.details.get("dropped")?.as_i64()).sum();
    assert_eq!((&last["dropped"], &last["repeated"], gaps), (&3.into(), &1.into(), 3));
    let events = last["events"].as_i64().expect("a number");
    assert_eq!(events - 3 - 1, entries.len() as i64, "{entries:?}");
}

#[test]
fn losses_in_a_lost_gap_entry_are_reported_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, recorder) = recorder(folder.path(), (0..100).map(|_| Step::FailBefore).collect(), None);
    (0..3).for_each(|_| recorder.record(event()).expect("taken"));
    recorder.close(None);
    assert_eq!((entries(&files).len(), recorder.gauges().unreported()), (0, 3), "neither stored nor told");
    assert_eq!(recorder.gauges().dropped.load(Ordering::Relaxed), 3, "each counts once");
}
