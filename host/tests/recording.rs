//! The write path: durable receipts, gaps, clean and unclean stops, the payload switch.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::recorder::{QueueLimits, RecordError, Stored};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Grant, Options, Viewer};

fn access(log: &AuditLog, groups: &[&str]) -> Grant {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    log.view().access(&Viewer { user: "anna".into(), groups, instance: None })
}

fn entries(log: &AuditLog) -> Vec<Entry> {
    log.view().reader(&access(log, &["admin"])).page(Domain::TRUE, None, 500).expect("a page").entries
}

fn of_action<'a>(entries: &'a [Entry], action: &str) -> Vec<&'a Entry> {
    entries.iter().filter(|entry| entry.text(Field::Action) == Some(action)).collect()
}

fn event() -> Event {
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    Event { method: Some("tools/call".into()), ..event }
}

fn with_payload(request: impl Into<bytes::Bytes>) -> Event {
    let payload = Payload { request: Some(Body::whole(request)), response: Some(Body::whole("plain")) };
    Event { payload: Some(payload), ..event() }
}

#[tokio::test]
async fn a_receipt_means_stored_and_an_id_is_stored_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let event = event();
    assert!(matches!(log.record_durably(event.clone()).await, Ok(Stored::At(_))));
    assert_eq!(log.record_durably(event.clone()).await, Ok(Stored::Duplicate));
    assert_eq!(entries(&log).iter().filter(|entry| entry.id == event.id).count(), 1);
}

#[tokio::test]
async fn losses_are_counted_exactly() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).queue(QueueLimits { items: 8, bytes: 1 << 20 });
    // Without other events in the queue.
    let log = log.own_schedule().open().expect("a log");
    let (holding, held) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    // Blocks the recorder's thread, so that the queue fills up.
    let hold = move || {
        let _ = holding.send(());
        let _ = released.recv();
        Vec::new()
    };
    log.record_later(0, hold).expect("taken");
    held.recv().expect("held");
    let dropped = (0..80).filter(|_| log.record(event()) == Err(RecordError::Full)).count();
    release.send(()).expect("released");
    log.close();

    let log = Options::new(folder.path()).open().expect("again");
    let entries = entries(&log);
    let told = of_action(&entries, "log.gap").iter().filter_map(|gap| gap.details["dropped"].as_u64()).sum::<u64>();
    assert_eq!((dropped, told), (72, 72));
    assert_eq!(entries.iter().filter(|entry| entry.text(Field::Method) == Some("tools/call")).count(), 8);
}

#[tokio::test]
async fn a_full_budget_drops_the_body_and_keeps_the_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).queue(QueueLimits { items: 8, bytes: 1_000 }).open().expect("a log");
    let wanted = serde_json::json!({ "log_payloads": true });
    log.change_settings(&access(&log, &["admin"]), wanted.as_object().expect("an object")).expect("changed");
    let (now, later) = (with_payload(vec![b'x'; 2_000]), with_payload(vec![b'y'; 2_000]));
    let ids = [now.id, later.id];
    assert_eq!(log.record(now), Ok(()));
    log.record_durably(later).await.expect("stored");
    assert_eq!(of_action(&entries(&log), "log.gap").len(), 0);
    for id in ids {
        let (_, payload) = log.read_payload(&access(&log, &["auditor"]), id).expect("read").expect("a payload");
        assert_eq!((payload.request.as_deref(), payload.notes["request_truncated"].as_bool()), (Some(""), Some(true)));
        assert_eq!(payload.notes["request_bytes"], 2_000);
    }
}

#[tokio::test]
async fn a_reserved_slot_works_however_full_the_queue_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).queue(QueueLimits { items: 4, bytes: 1 << 20 });
    let log = log.own_schedule().open().expect("a log");
    let places: Vec<_> = std::iter::from_fn(|| log.reserve()).take(9).collect();
    assert_eq!(places.len(), 4, "as many places as items may wait");
    drop(places);
    let places: Vec<_> = std::iter::from_fn(|| log.reserve()).take(9).collect();
    assert_eq!(places.len(), 4, "a place that is not used comes back");
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (holding, held) = std::sync::mpsc::channel();
    let hold = move || {
        let _ = holding.send(());
        let _ = released.recv();
        Vec::new()
    };
    log.record_later(0, hold).expect("taken");
    held.recv().expect("held");
    while log.offer_later(0, Vec::new).is_ok() {}
    for place in places {
        place.record_later(|| vec![event()]).expect("it has a place");
    }
    assert!(log.reserve().is_none(), "there are no new places in a full queue");
    log.dropped(40);
    release.send(()).expect("released");
    log.close();
    assert!(log.reserve().is_none(), "a closed log keeps no places");

    let log = Options::new(folder.path()).open().expect("again");
    let entries = entries(&log);
    assert_eq!(entries.iter().filter(|entry| entry.text(Field::Method) == Some("tools/call")).count(), 4);
    let told = of_action(&entries, "log.gap").iter().filter_map(|gap| gap.details["dropped"].as_u64()).sum::<u64>();
    assert_eq!(told, 40, "what nobody counted is no loss, and what was counted is told");
}

#[tokio::test]
async fn a_panic_while_reading_captured_traffic_only_leaves_a_gap_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    log.record_later(0, || panic!("a parser's bug")).expect("taken");
    log.record_durably(event()).await.expect("stored");
    log.close();
    let log = Options::new(folder.path()).open().expect("again");
    assert_eq!(of_action(&entries(&log), "log.gap").len(), 1);
}

#[tokio::test]
async fn starts_and_stops_are_entries_and_an_unclean_stop_is_reported() {
    let clean = |log: &AuditLog| of_action(&entries(log), "log.started")[0].details.get("last_stop_clean").cloned();
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    assert_eq!(clean(&log), None, "the first start has no stop before it");
    log.close();
    assert_eq!(log.record(event()), Err(RecordError::Closed));
    drop(log);
    let log = Options::new(folder.path()).open().expect("again");
    assert_eq!(clean(&log), Some(true.into()));
    // As after a kill: the folder as it is on disk while the log is open.
    let copy = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(folder.path()).expect("files") {
        let file = file.expect("a file");
        // The components in it are kept again by the next start.
        if file.path().is_file() {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
        }
    }
    assert_eq!(clean(&Options::new(copy.path()).open().expect("the copy")), Some(false.into()));
}

#[tokio::test]
async fn a_start_reports_that_it_replaced_a_lost_secret_key() {
    let replaced =
        |log: &AuditLog| of_action(&entries(log), "log.started")[0].details.get("secret_key_replaced").cloned();
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    assert_eq!(replaced(&log), None, "a new log has no key before");
    log.close();
    drop(log);
    std::fs::remove_file(folder.path().join("secret.key")).expect("removed");
    let log = Options::new(folder.path()).open().expect("again");
    assert_eq!(replaced(&log), Some(true.into()));
    log.close();
    drop(log);
    assert_eq!(replaced(&Options::new(folder.path()).open().expect("again")), None);
}

#[tokio::test]
async fn payloads_are_kept_only_while_the_setting_is_on_and_each_reading_is_an_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let mut ids = Vec::new();
    for on in [false, true, false] {
        let wanted = serde_json::json!({ "log_payloads": on });
        let wanted = wanted.as_object().expect("an object");
        log.change_settings(&access(&log, &["admin"]), wanted).expect("changed");
        let event = with_payload(r#"{"password":"hunter2","note":"hello"}"#);
        ids.push(event.id);
        log.record_durably(event).await.expect("stored");
    }

    let auditor = access(&log, &["auditor"]);
    let read = |id| log.read_payload(&auditor, id).expect("read").map(|(_, payload)| payload.request);
    let masked = r#"{"password":"[masked]","note":"hello"}"#.to_owned();
    assert_eq!(ids.iter().map(|id| read(*id)).collect::<Vec<_>>(), [None, Some(Some(masked)), None]);
    for groups in [&["user"][..], &["admin"], &["owner"], &["super-admin"], &["billing-admin"], &[]] {
        assert!(log.read_payload(&access(&log, groups), ids[1]).is_err(), "{groups:?}");
    }
    let entries = entries(&log);
    assert_eq!(of_action(&entries, "payload.read").len(), 1);
    let changes: Vec<_> = entries.iter().filter_map(|entry| entry.details.get("changes")).collect();
    assert_eq!(*changes[0], serde_json::json!([{ "field": "log_payloads", "old": true, "new": false }]));
    assert_eq!(changes.len(), 2, "switching off what is off changes nothing");
}
