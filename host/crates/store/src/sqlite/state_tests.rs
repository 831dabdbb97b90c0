//! Tests: the writer itself respects holds, and they cannot be edited; a time of recording is found by search; views
//! are stored unchanged.

use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteWriter;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::hold::{Hold, HoldChange, Release};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_contract::saved_view::{SavedView, ViewChange};
use mcp_audit_log_index::{
    Batch, CheckpointChange, NewCheckpoint, Prepared, StateChange, StoreReader, StoredPayload, Writer,
};
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::event::new_id;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

struct Log {
    folder: tempfile::TempDir,
    files: StoreReader,
    writer: SqliteWriter,
}

/// A log with an entry and its payload for each of these moments.
fn log(moments: &[i64]) -> Log {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, mut writer) = crate::open(folder.path()).expect("a log");
    let entry = |moment: &i64| {
        let mut entry = Entry::new(new_id(at(*moment)), at(*moment), at(*moment));
        for field in [Field::Channel, Field::Kind, Field::Action, Field::Outcome, Field::OutcomeDetail] {
            entry.set_text(field, Some(field.name()));
        }
        entry
    };
    let payload = || StoredPayload { salt: [9; 32], request: None, response: None, notes: Details::new() };
    let entries = moments.iter().map(|moment| Prepared::new(entry(moment), Some(payload()))).collect();
    writer.commit(&Batch { entries, ..Batch::default() }).expect("stored");
    Log { folder, files, writer }
}

impl Log {
    fn change(&mut self, states: StateChange) {
        self.writer.commit(&Batch { states, ..Batch::default() }).expect("stored");
    }

    fn hold(&mut self, change: HoldChange) {
        self.change(StateChange { holds: vec![change], ..StateChange::default() });
    }

    fn raw(&self) -> Connection {
        Connection::open(self.folder.path().join("mcp-audit-log.db")).expect("a raw connection")
    }
}

fn hold(id: u128, from: i64) -> Hold {
    let (reason, placed_by) = ("case 7".to_owned(), "anna".to_owned());
    let (from, to) = (at(from), Some(at(from + 1)));
    Hold { id: Uuid::from_u128(id), from, to, reason, placed_by, placed_at: at(0), released: None }
}

fn release() -> Release {
    Release { by: "bob".into(), at: at(50), reason: "over".into() }
}

#[test]
fn the_writer_itself_removes_nothing_that_is_held() {
    let mut log = log(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let plan = Plan { entries_before: Some(at(8)), payloads_before: Some(at(9)), ..Plan::default() };
    log.hold(HoldChange::Place(hold(1, 4)));
    log.hold(HoldChange::Place(hold(2, 6)));
    let pruned = log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned");
    assert_eq!((pruned.entries, pruned.payloads), (4, 4));
    while log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned").more {}
    assert_eq!(
        log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned"),
        mcp_audit_log_index::Pruned::default(),
        "held"
    );
    log.hold(HoldChange::Release(Uuid::from_u128(1), release()));
    let pruned = log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned");
    assert_eq!((pruned.entries, pruned.payloads), (2, 2));
    log.hold(HoldChange::Release(Uuid::from_u128(2), release()));
    let pruned = log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned");
    assert_eq!((pruned.entries, pruned.payloads), (2, 3));
}

#[test]
fn holds_stay_as_they_were_placed_and_are_released_once() {
    let mut log = log(&[0]);
    log.hold(HoldChange::Place(hold(1, 4)));
    // As when the outcome of a batch was unknown.
    log.hold(HoldChange::Place(hold(1, 4)));
    assert_eq!(log.files.holds().expect("read"), [hold(1, 4)]);
    let edits = [
        "DELETE FROM hold",
        "UPDATE hold SET starts = 99",
        "UPDATE hold SET starts = 99, released_at = 1, released_by = 'x', release_reason = 'x'",
        "UPDATE hold SET reason = 'x'",
        "REPLACE INTO hold (id, starts, reason, placed_by, placed_at) SELECT id, 99, 'x', 'x', 0 FROM hold",
        "UPDATE hold SET released_at = 1",
    ];
    let raw = log.raw();
    raw.pragma_update(None, "recursive_triggers", "OFF").expect("off");
    for sql in edits {
        assert!(raw.execute_batch(sql).is_err(), "ran: {sql}");
        assert!(log.writer.store().connection().execute_batch(sql).is_err(), "the writer ran: {sql}");
    }
    log.hold(HoldChange::Release(Uuid::from_u128(1), release()));
    log.hold(HoldChange::Release(Uuid::from_u128(1), Release { by: "eve".into(), ..release() }));
    assert_eq!(log.files.holds().expect("read"), [Hold { released: Some(release()), ..hold(1, 4) }]);
    assert_eq!(log.files.held_from().expect("read"), None);
    let again = "UPDATE hold SET released_at = NULL, released_by = NULL, release_reason = NULL";
    assert!(raw.execute_batch(again).is_err(), "a release is final");
}

#[test]
fn a_moment_is_found_where_it_lies() {
    let moments = [1, 1, 1, 4, 5, 5, 9];
    let mut log = log(&moments);
    for _ in 0..2 {
        let seqs = log.files.seqs().expect("seqs");
        for moment in 0..11 {
            let earlier = moments.iter().filter(|other| **other < moment).count() as u64;
            assert_eq!(log.files.seq_at(at(moment)).expect("found"), earlier.max(seqs.start), "{moment}");
        }
        log.writer
            .prune(mcp_audit_log_index::Removal::everywhere(Plan { entries_before: Some(at(4)), ..Plan::default() }))
            .expect("pruned");
    }
    log.writer
        .prune(mcp_audit_log_index::Removal::everywhere(Plan { entries_before: Some(at(10)), ..Plan::default() }))
        .expect("pruned");
    assert_eq!((log.files.seqs().expect("seqs"), log.files.seq_at(at(3)).expect("found")), (7..7, 7));
}

#[test]
fn views_are_read_back_by_those_who_may_see_them() {
    let mut log = log(&[]);
    let view = |id: u128, owner: &str, instance: Option<&str>, shared| SavedView {
        id: Uuid::from_u128(id),
        name: format!("view {id}"),
        owner: owner.into(),
        instance: instance.map(str::to_owned),
        shared,
        query: vec![("tool".into(), "a&b=\"ä".into()), ("tool".into(), "c".into())],
        created_at: at(1),
        updated_at: at(2),
    };
    let views = [view(1, "ada", None, false), view(2, "bob", None, true), view(3, "bob", None, false)];
    let elsewhere = [view(4, "ada", Some("a"), true), view(5, "bob", Some("a"), false)];
    let save = views.iter().chain(&elsewhere).cloned().map(ViewChange::Save).collect();
    log.change(StateChange { views: save, ..StateChange::default() });
    let seen = |log: &Log, user: &str, instance: Option<&str>| {
        let instance = instance.map(str::to_owned);
        log.files.views(&Viewer { user: user.into(), groups: Vec::new(), instance }).expect("read")
    };
    assert_eq!(seen(&log, "ada", None), views[..2]);
    assert_eq!(seen(&log, "bob", None), views[1..]);
    assert_eq!(seen(&log, "ada", Some("a")), elsewhere[..1]);
    assert_eq!(seen(&log, "bob", Some("b")), []);
    let changed = SavedView { name: "other".into(), owner: "eve".into(), created_at: at(9), ..views[0].clone() };
    let change = vec![ViewChange::Save(changed), ViewChange::Delete(views[1].id)];
    log.change(StateChange { views: change, ..StateChange::default() });
    let kept = SavedView { name: "other".into(), ..views[0].clone() };
    assert_eq!(seen(&log, "ada", None), [kept], "whose it is and since when stays");
}

/// A commit may fail after everything was stored, and is then retried.
#[test]
fn a_checkpoint_and_a_key_that_are_there_are_not_stored_again() {
    let mut log = log(&[1, 2]);
    let checkpoint = |size: u64| {
        let (note, link) = (format!("note of {size}"), (size == 1).then(Vec::new));
        CheckpointChange::Signed(NewCheckpoint { size, signed_at: at(0), note, link })
    };
    for checkpoints in [
        vec![CheckpointChange::Key("key".into(), at(5)), checkpoint(1)],
        vec![CheckpointChange::Key("key".into(), at(5)), checkpoint(1)],
        vec![checkpoint(2)],
        vec![checkpoint(2)],
    ] {
        log.change(StateChange { checkpoints, ..StateChange::default() });
    }
    let inventory = log.files.inventory().expect("read");
    assert_eq!((inventory.newest, inventory.keys), (2, vec![("key".to_owned(), 5)]));
}
