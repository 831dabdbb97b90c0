//! A sink of a few lines that follows a log: what a real one relies on.

use std::sync::Mutex;

use super::*;
use crate::Options;
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_index::Removal;
use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::DAY;

/// The other side of a sink.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    batches: Vec<EntryBatch>,
    is_away: bool,
    /// The next batch arrives, and its answer does not.
    loses_answer: bool,
}

impl Receiver {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every entry's `seq`, in the order in which they came.
    fn seqs(&self) -> Vec<u64> {
        self.received().batches.iter().flat_map(|batch| &batch.entries).map(|entry| entry.seq).collect()
    }
}

impl Sink<EntryBatch> for Receiver {
    fn put(&mut self, batch: &EntryBatch) -> Result<(), SinkError> {
        let mut received = self.received();
        if received.is_away {
            return Err(SinkError::Failed("it is away".to_owned()));
        }
        received.batches.push(batch.clone());
        match std::mem::take(&mut received.loses_answer) {
            true => Err(SinkError::Failed("it broke off".to_owned())),
            false => Ok(()),
        }
    }
}

fn options(group: &str, batch: usize) -> SinkOptions {
    let viewer = Viewer { user: "sink".into(), groups: vec![group.into()], instance: None };
    SinkOptions::new(group, viewer).batch(batch)
}

fn opened(folder: &tempfile::TempDir, receiver: &Receiver) -> AuditLog {
    let options = Options::new(folder.path()).own_schedule().sink(self::options("admin", 7), receiver.clone());
    options.open().expect("a log")
}

async fn record(log: &AuditLog, methods: &[&str]) {
    for method in methods {
        let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        log.record_durably(Event { method: Some((*method).to_owned()), ..event }).await.expect("stored");
    }
}

fn wait(log: &AuditLog, is_so: impl Fn(&SinkStatus) -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !log.sinks().iter().all(&is_so) {
        assert!(Instant::now() < until, "{:?}", log.sinks());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_for_all(log: &AuditLog) {
    let next = *log.appended().borrow();
    wait(log, |sink| sink.arrived == Some(next));
}

#[tokio::test]
async fn a_sink_gets_each_entry_once_and_in_order_across_outages_and_restarts() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    let log = opened(&folder, &receiver);
    record(&log, &["before"; 20]).await;
    wait_for_all(&log);
    receiver.received().is_away = true;
    record(&log, &["meanwhile"; 20]).await;
    wait(&log, |sink| sink.failing.as_deref() == Some("it is away"));
    log.close();
    drop(log);
    assert_eq!(receiver.seqs().len(), 21, "nothing new arrives");
    receiver.received().is_away = false;
    let log = opened(&folder, &receiver);
    record(&log, &["after"; 5]).await;
    wait_for_all(&log);
    let next = *log.appended().borrow();
    assert!(receiver.seqs().into_iter().eq(0..next), "{:?}", receiver.seqs());
    let batches = &receiver.received().batches;
    assert!(batches.iter().all(|batch| batch.entries.len() <= 7 && batch.removed_below == batch.seqs.start));
    assert!(batches.windows(2).all(|pair| pair[0].seqs.end == pair[1].seqs.start), "no hole and no overlap");
}

#[tokio::test]
async fn an_answer_that_is_lost_repeats_its_batch_and_no_other() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    record(&log, &["before"; 20]).await;
    drop(log);
    receiver.received().loses_answer = true;
    let log = opened(&folder, &receiver);
    wait_for_all(&log);
    let next = *log.appended().borrow();
    assert!(receiver.seqs().into_iter().eq((0..7).chain(0..next)), "{:?}", receiver.seqs());
    assert_eq!(log.sinks()[0].failures, 1);
}

#[tokio::test]
async fn a_sink_gets_what_its_filter_and_its_viewers_rights_let_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let (some, none) = (Receiver::default(), Receiver::default());
    let wanted = options("admin", 500).domain(Domain::equals(Field::Method, "wanted"));
    let log = Options::new(folder.path())
        .own_schedule()
        .sink(wanted, some.clone())
        .sink(options("denied", 500), none.clone());
    let log = log.open().expect("a log");
    record(&log, &["wanted", "other", "wanted", "other"]).await;
    wait(&log, |sink| match &*sink.name {
        "admin" => sink.arrived == Some(5) && some.seqs() == [1, 3],
        _ => sink.failing.as_deref().is_some_and(|why| why.contains("not allowed")),
    });
    assert_eq!(none.seqs(), [0; 0]);
}

#[tokio::test]
async fn entries_that_the_cleanup_removed_first_are_named_as_a_gap() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    record(&log, &["before"; 20]).await;
    log.sign().expect("signed");
    let plan = Plan { entries_before: Some(log.view().now().plus(DAY)), ..Plan::default() };
    while log.0.recorder.prune(Removal { plan, entries_below: 5, payloads_below: 5 }).expect("removed").more {}
    log.start_sinks(vec![(options("admin", 500), Box::new(receiver.clone()))]).expect("started");
    wait_for_all(&log);
    let first = receiver.received().batches.first().cloned().expect("a batch");
    assert_eq!((first.seqs.start, first.removed_below, first.entries[0].seq), (0, 5, 5));
}
