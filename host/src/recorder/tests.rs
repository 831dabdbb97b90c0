//! The recorder before a store that fails: what was taken in is stored exactly once, or refused by name.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};

use uuid::Uuid;

use super::*;
use crate::domain::Domain;
use crate::entry::Entry;
use crate::event::{Channel, Detail, Kind};
use crate::hold::{Hold, HoldChange};
use crate::policy::Limits;
use crate::store::{Batch, Files, PageQuery, Place, SqliteWriter};
use crate::time::SystemClock;

/// What a commit does.
enum Step {
    /// Fails, and nothing was stored.
    FailBefore,
    /// Fails, but everything was stored.
    FailAfter,
}

/// A writer that fails as it is told.
struct Flaky {
    inner: SqliteWriter,
    steps: VecDeque<Step>,
    /// An entry that it refuses for ever.
    poison: Option<Uuid>,
}

fn failure(code: std::ffi::c_int) -> StoreError {
    StoreError::Database {
        doing: "a test",
        source: rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None),
    }
}

impl Writer for Flaky {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError> {
        if batch.entries.iter().any(|(entry, _)| Some(entry.id) == self.poison) {
            return Err(failure(rusqlite::ffi::SQLITE_CONSTRAINT));
        }
        match self.steps.pop_front() {
            Some(Step::FailBefore) => Err(failure(rusqlite::ffi::SQLITE_IOERR)),
            Some(Step::FailAfter) => self.inner.commit(batch).and(Err(failure(rusqlite::ffi::SQLITE_IOERR))),
            None => self.inner.commit(batch),
        }
    }

    fn prune(&mut self, plan: Plan) -> Result<Pruned, StoreError> {
        self.inner.prune(plan)
    }
}

fn recorder(folder: &Path, steps: Vec<Step>, poison: Option<Uuid>) -> (Files, Recorder) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let policy = Arc::new(Policy::builtin(Limits::default(), clock.now()).expect("the default policy"));
    let settings = Arc::new(RwLock::new(Arc::new(Settings::load(&policy.manifest().settings, &Default::default()))));
    let (files, inner) = Files::open(folder).expect("a log");
    let writer = Box::new(Flaky { inner, steps: steps.into(), poison });
    let recorder = Recorder::start(Parts { policy, writer, clock, settings }, QueueLimits::default());
    (files, recorder.expect("a thread"))
}

fn event() -> Event {
    Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, Detail::Ok)
}

fn entries(files: &Files) -> Vec<Entry> {
    files.page(&PageQuery { domain: Domain::TRUE, from: Place::Newest, limit: 500 }).expect("a page").entries
}

#[tokio::test]
async fn a_commit_that_fails_is_tried_again_and_stores_once() {
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
async fn an_entry_that_the_store_refuses_costs_the_others_nothing_and_is_told() {
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
async fn while_the_store_fails_nobody_waits_for_a_change() {
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
fn a_change_without_an_entry_that_the_store_refuses_is_told() {
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
