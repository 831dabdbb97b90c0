//! A sink of a few lines that follows a log: what a real one relies on.

use std::sync::Mutex;

use super::*;
use crate::Options;
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_core::sink::SinkError;
use mcp_audit_log_index::Removal;
use mcp_audit_log_model::entry::Entry;
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
    /// Entries with these methods are refused for good, with every batch that has one.
    refuses: Vec<&'static str>,
    /// The number of entries in each batch that was refused.
    refused: Vec<usize>,
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
        let is_refused = |entry: &Entry| received.refuses.iter().any(|bad| entry.text(Field::Method) == Some(bad));
        if batch.entries.iter().any(is_refused) {
            received.refused.push(batch.entries.len());
            return Err(SinkError::Refused("it does not like that".to_owned()));
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
    let short = Duration::from_millis(10);
    SinkOptions::new(group, viewer).batch(batch).pauses(Backoff { first: short, longest: short })
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
    while !log.sinks().iter().all(|sink| is_so(&sink.status)) {
        assert!(Instant::now() < until, "{:?}", log.sinks());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_for_all(log: &AuditLog) {
    // The log itself may record something meanwhile.
    wait(log, |sink| sink.arrived == Some(*log.appended().borrow()));
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
    assert!(batches.iter().all(|batch| batch.entries.len() <= 7 && !batch.origin.is_empty()));
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
    assert_eq!(log.sinks()[0].status.failures, 1);
    assert_eq!(of_action(&log, "sink.failing").len(), 0, "one failure alone is no news");
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
        "admin" => sink.arrived >= Some(5) && some.seqs() == [1, 3],
        _ => sink.failing.as_deref().is_some_and(|why| why.contains("not allowed")),
    });
    assert_eq!(none.seqs(), [0; 0]);
}

/// The entries of the log itself with this method, the oldest first.
fn of_action(log: &AuditLog, method: &str) -> Vec<Entry> {
    let own = crate::open::own_access();
    let page = log.view().reader(&own).page(Domain::equals(Field::Method, method), None, 500).expect("a page");
    page.entries.into_iter().rev().collect()
}

fn facts(entry: &Entry, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| entry.details.get(*name).map_or_else(String::new, ToString::to_string)).collect()
}

#[tokio::test]
async fn an_outage_and_its_end_are_entries_once_each_also_across_a_restart() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    receiver.received().is_away = true;
    let log = opened(&folder, &receiver);
    record(&log, &["meanwhile"; 3]).await;
    wait(&log, |sink| sink.failures > 5);
    log.close();
    drop(log);
    let log = opened(&folder, &receiver);
    wait(&log, |sink| sink.failures > 5);
    assert_eq!(of_action(&log, "sink.failing").len(), 1, "the restart is no second outage");
    receiver.received().is_away = false;
    wait_for_all(&log);
    wait(&log, |_| of_action(&log, "sink.recovered").len() == 1);
    let failing = of_action(&log, "sink.failing").remove(0);
    assert_eq!(facts(&failing, &["sink", "reason"]), ["\"admin\"", "\"it is away\""]);
    assert_eq!(failing.text(Field::Outcome), Some("error"));
    wait_for_all(&log);
    let next = *log.appended().borrow();
    assert!(receiver.seqs().into_iter().eq(0..next), "{:?}", receiver.seqs());
}

#[tokio::test]
async fn an_entry_that_is_refused_for_good_is_found_named_and_passed() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    record(&log, &["before"; 8]).await;
    record(&log, &["bad"]).await;
    record(&log, &["between"; 8]).await;
    record(&log, &["bad", "bad", "bad"]).await;
    record(&log, &["after"; 8]).await;
    drop(log);
    receiver.received().refuses = vec!["bad"];
    let log = Options::new(folder.path()).own_schedule().sink(options("admin", 500), receiver.clone());
    let log = log.open().expect("a log");
    wait_for_all(&log);
    wait(&log, |_| of_action(&log, "sink.refused").len() == 2);
    wait_for_all(&log);
    let next = *log.appended().borrow();
    let without = (0..next).filter(|seq| ![9, 18, 19, 20].contains(seq));
    assert!(receiver.seqs().into_iter().eq(without), "{:?}", receiver.seqs());
    assert!(receiver.received().refused.len() < 40, "{:?}", receiver.received().refused);
    let named: Vec<_> = of_action(&log, "sink.refused")
        .iter()
        .map(|entry| (facts(entry, &["first", "last", "entries", "reason"]), entry.parent.is_some()))
        .collect();
    let why = "\"it does not like that\"".to_owned();
    let expected = |first: u64, last: u64, entries: u64| vec![first.to_string(), last.to_string(), entries.to_string()];
    assert_eq!(named[0], ([expected(9, 9, 1), vec![why.clone()]].concat(), true));
    assert_eq!(named[1], ([expected(18, 20, 3), vec![why]].concat(), false));
}

#[tokio::test]
async fn a_destination_that_refuses_everything_does_not_fill_the_log() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    receiver.received().refuses = vec!["bad", "sink.refused"];
    let log = opened(&folder, &receiver);
    record(&log, &["fine", "bad", "fine"]).await;
    wait(&log, |_| of_action(&log, "sink.refused").len() == 1);
    record(&log, &["fine"]).await;
    wait_for_all(&log);
    assert_eq!(of_action(&log, "sink.refused").len(), 1, "the refusal of a refusal is counted, and not recorded");
}

#[tokio::test]
async fn entries_that_the_cleanup_removed_first_are_named_as_a_gap() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    receiver.received().is_away = true;
    let log = opened(&folder, &receiver);
    record(&log, &["before"; 20]).await;
    log.sign().expect("signed");
    let plan = Plan { entries_before: Some(log.view().now().plus(DAY)), ..Plan::default() };
    while log.0.recorder.prune(Removal { plan, entries_below: 5, payloads_below: 5 }).expect("removed").more {}
    receiver.received().is_away = false;
    wait_for_all(&log);
    let gap = of_action(&log, "sink.gap").remove(0);
    assert_eq!(facts(&gap, &["sink", "first", "last"]), ["\"admin\"", "0", "4"]);
    let next = *log.appended().borrow();
    assert!(receiver.seqs().into_iter().eq(5..next), "{:?}", receiver.seqs());
}

#[tokio::test]
async fn a_new_sink_of_an_old_log_begins_where_the_log_begins_or_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let (all, new) = (Receiver::default(), Receiver::default());
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    record(&log, &["before"; 20]).await;
    log.sign().expect("signed");
    let plan = Plan { entries_before: Some(log.view().now().plus(DAY)), ..Plan::default() };
    while log.0.recorder.prune(Removal { plan, entries_below: 5, payloads_below: 5 }).expect("removed").more {}
    let old = *log.appended().borrow();
    let from_now = options("auditor", 500).from_now();
    let both: [(SinkOptions, Box<dyn Sink<EntryBatch>>); 2] =
        [(options("admin", 500), Box::new(all.clone())), (from_now, Box::new(new.clone()))];
    log.start_sinks(both.into()).expect("started");
    record(&log, &["after"; 3]).await;
    wait_for_all(&log);
    let next = *log.appended().borrow();
    assert!(all.seqs().into_iter().eq(5..next), "{:?}", all.seqs());
    assert!(new.seqs().into_iter().eq(old..next), "{:?}", new.seqs());
    assert_eq!(of_action(&log, "sink.gap").len(), 0, "nothing is missing that it ever had to get");
}

#[tokio::test]
async fn a_sink_that_is_set_back_gets_entries_again() {
    let (folder, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::default());
    let log = opened(&folder, &receiver);
    record(&log, &["before"; 20]).await;
    wait_for_all(&log);
    log.close();
    drop(log);
    receiver.received().batches.clear();
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    let access = log.view().access(&Viewer::new("ada", ["admin"]));
    let beyond = log.rewind_sink(&access, "admin", 10_000).expect_err("it was never there");
    assert!(beyond.to_string().contains("name a seq between the two"), "{beyond}");
    assert!(log.rewind_sink(&access, "other", 1).is_err());
    log.rewind_sink(&access, "admin", 10).expect("set back");
    let rewound = of_action(&log, "sink.rewound").remove(0);
    assert_eq!((rewound.text(Field::User), facts(&rewound, &["to"])), (Some("ada"), vec!["10".to_owned()]));
    drop(log);
    let log = opened(&folder, &receiver);
    wait_for_all(&log);
    let next = *log.appended().borrow();
    assert!(receiver.seqs().into_iter().eq(10..next), "{:?}", receiver.seqs());
}
