//! Changes of a state: each is stored as a whole with its entries or not at all, in order, and no change comes after
//! the last entry.

use super::*;
use mcp_audit_log_model::value::Value;

const KEY: &str = "retention_days";

fn days(old: i64, new: i64) -> StateChange {
    let settings = vec![SettingChange { key: KEY.into(), old: Value::Integer(old), new: Value::Integer(new) }];
    StateChange { settings, ..StateChange::default() }
}

fn stored_days(files: &StoreReader) -> Option<Value> {
    files.settings().expect("read").remove(KEY)
}

/// An event that no caller waits for, and that the store rejects, comes just before a change.
#[test]
fn a_rejected_entry_does_not_split_a_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let (poison, change, (step, begun, go)) = (event(), event(), held());
    let (files, active, recorder) = with_settings(folder.path(), vec![step], Some(poison.id));
    recorder.record(event()).expect("taken");
    begun.recv().expect("it stores");
    recorder.record(poison.clone()).expect("taken");
    let id = change.id;
    let changed = std::thread::scope(|scope| {
        let changing = scope.spawn(|| recorder.change(days(90, 30), vec![change]));
        while recorder.gauges().waiting.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        go.send(()).expect("somebody waits");
        changing.join().expect("no panic")
    });
    assert_eq!(changed, Ok(()));
    assert_eq!(stored_days(&files), Some(Value::Integer(30)));
    assert_eq!(active.now().settings.get(KEY), &Value::Integer(30));
    let record = files.judged_before(u64::MAX, 1).expect("read").pop().expect("a record");
    let ids_of = |seq: u64| entries(&files).into_iter().find(|entry| entry.seq == seq).map(|entry| entry.id);
    assert_eq!((ids_of(record.since - 1), &record.settings[KEY]), (Some(id), &Value::Integer(30)));
    assert!(ids(&files).contains(&id) && !ids(&files).contains(&poison.id));
}

#[test]
fn a_change_with_a_rejected_entry_stores_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let poison = event();
    let (files, active, recorder) = with_settings(folder.path(), Vec::new(), Some(poison.id));
    for events in [vec![event(), poison.clone()], vec![poison.clone(), event()], vec![event(), poison.clone(), event()]]
    {
        let told: Vec<_> = events.iter().map(|event| event.id).collect();
        let refused = recorder.change(days(90, 30), events).expect_err("refused");
        assert!(matches!(refused, RecordError::Refused(_)), "{refused}");
        assert_eq!(stored_days(&files), None);
        assert_eq!(active.now().settings.get(KEY), &Value::Integer(90));
        assert_eq!(files.judged_before(u64::MAX, 1).expect("read"), []);
        assert!(!ids(&files).iter().any(|id| told.contains(id)), "an entry says that it was changed");
    }
    recorder.change(days(90, 30), vec![event()]).expect("another one");
    assert_eq!(stored_days(&files), Some(Value::Integer(30)));
}

/// Both changes were made from the same old value.
#[test]
fn the_second_change_from_the_same_old_value_is_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, _, recorder) = with_settings(folder.path(), Vec::new(), None);
    recorder.change(days(90, 30), vec![event()]).expect("changed");
    let late = event();
    let id = late.id;
    let refused = recorder.change(days(90, 60), vec![late]).expect_err("what it says of the old value is not true");
    assert!(refused.to_string().contains("another change of retention_days came first"), "{refused}");
    assert_eq!((stored_days(&files), ids(&files).contains(&id)), (Some(Value::Integer(30)), false));
    recorder.change(days(30, 60), vec![event()]).expect("of another look");
}

/// A sender that held the queue when it was closed enqueues a change after the last event.
#[test]
fn nothing_follows_the_last_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let (step, begun, go) = held();
    let (files, recorder) = recorder(folder.path(), vec![step], None);
    recorder.record(event()).expect("taken");
    begun.recv().expect("it stores");
    let late = recorder.queue.sender.read().expect("a lock").clone().expect("it is open");
    let last = event();
    let id = last.id;
    recorder.queue.close(Some(Work::Last(Box::new(last))));
    let (receipt, done) = mpsc::sync_channel(1);
    assert!(late.send((Work::Change(Box::default(), vec![event()], receipt), 0)).is_ok(), "there is room");
    drop(late);
    // What no longer fits is a loss that the last entry reports.
    recorder.gauges().dropped(3);
    go.send(()).expect("somebody waits");
    drop(recorder.close(None));
    assert_eq!(done.recv(), Err(mpsc::RecvError), "it is told that the log is closed");
    let entries = entries(&files);
    assert_eq!((entries[0].id, &entries[0].details["dropped"]), (id, &3.into()));
    assert_eq!(entries[1].details["dropped"], 3, "the gap comes before it");
}

/// A sink that delivers under load stores how far it is a hundred times a second.
#[test]
fn a_watermark_goes_along_with_entries_in_their_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, recorder) = recorder(folder.path(), Vec::new(), None);
    let ((begun, has_begun), (go, may_go)) = (channel(), channel::<()>());
    let waits = move || {
        let _ = begun.send(());
        let _ = may_go.recv();
        Vec::new()
    };
    recorder.record_later(0, waits).expect("taken");
    has_begun.recv().expect("the thread that judges waits");
    let (done, is_done) = mpsc::sync_channel(1);
    recorder.record(event()).expect("taken");
    recorder.queue.push(Work::Watermark(DestinationState::of_sink("siem", 7, false), done)).expect("taken");
    recorder.record(event()).expect("taken");
    drop(go);
    is_done.recv().expect("an answer").expect("stored");
    assert_eq!(files.sink("siem").expect("read").map(|state| state.number), Some(7), "it is durable");
    let commits = || recorder.gauges().latency.buckets().map(|(_, count)| count).sum::<u64>();
    assert_eq!((entries(&files).len(), commits()), (2, 1));
    recorder.store_watermark(DestinationState::of_sink("siem", 9, true)).expect("stored without an entry too");
    assert_eq!(files.sink("siem").expect("read").map(|state| (state.number, state.failing)), Some((9, true)));
}

#[test]
fn a_rejected_entry_takes_no_watermark_along_unnoticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (poison, (step, begun, go)) = (event(), held());
    let (files, recorder) = recorder(folder.path(), vec![step], Some(poison.id));
    recorder.record(event()).expect("taken");
    begun.recv().expect("it stores");
    let (done, is_done) = mpsc::sync_channel(1);
    let sent = [event(), event(), event()];
    one_by_one(&recorder, &sent[..1]);
    recorder.record(poison.clone()).expect("taken");
    recorder.queue.push(Work::Watermark(DestinationState::of_sink("siem", 7, false), done)).expect("taken");
    sent[1..].iter().for_each(|event| recorder.record(event.clone()).expect("taken"));
    drop(go);
    let answer = is_done.recv().expect("an answer");
    let stored = files.sink("siem").expect("read").map(|state| state.number);
    assert!(answer.is_err() || stored == Some(7), "{answer:?} and {stored:?}");
    let ids = ids(&files);
    assert!(sent.iter().all(|event| ids.contains(&event.id)), "the others are stored");
}
