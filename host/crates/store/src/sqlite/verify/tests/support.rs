//! A log with rows in each table, and changes by an intruder who knows its safeguards.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::json;
use uuid::Uuid;

use crate::sqlite::tests::tamper;
use crate::{Verified, VerifyError, VerifyFinding, verify};
use mcp_audit_log_contract::hold::{Hold, HoldChange, Release};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_contract::settings::SettingChange;
use mcp_audit_log_index::{
    Batch, CheckpointChange, NewCheckpoint, Prepared, StateChange, StoreReader, StoredPayload, Writer,
};
use mcp_audit_log_ledger::{self as ledger, Checkpoint, Hash, SignatureKind, SignedCheckpoint, SigningKey};
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::{SECOND, Timestamp};
use mcp_audit_log_model::value::Value;

/// How many entries a log has besides the requested ones: those about its start, a cleanup and states.
pub(super) const MORE: u64 = 8;

/// A log without a writer.
pub(super) struct World {
    folder: tempfile::TempDir,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * SECOND)
}

fn id(number: u64) -> Uuid {
    // Some that are not of version 7.
    let version = if number % 7 == 3 { 4 } else { 7 };
    Uuid::from_u128(1 << 80 | version << 76 | 8 << 60 | u128::from(number))
}

fn entry(number: u64) -> Entry {
    let moment = at(number.cast_signed());
    let mut entry = Entry::new(id(number), moment, moment);
    for field in Field::ALL.iter().filter(|field| field.kind() == FieldType::Text) {
        entry.set_text(*field, (number % 3 < 2).then_some(field.name()));
    }
    for field in [Field::Channel, Field::Kind, Field::Action, Field::Outcome, Field::OutcomeDetail] {
        entry.set_text(field, Some(&format!("{} {}", field.name(), number % 2)));
    }
    entry.details.insert("number".to_owned(), number.into());
    entry.status_code = Some(200);
    entry
}

fn payload(number: u64) -> StoredPayload {
    // One body as it is, one compressed.
    let response = Some(format!("{number}, {}", "grün, ".repeat(100)));
    let notes = Details::from_iter([("request_bytes".to_owned(), 2.into())]);
    StoredPayload { salt: [9; 32], request: Some("{}".into()), response, notes }
}

/// One of the log's own entries, about an action of anna, as the recorder makes it.
fn system_entry(number: u64, method: &str, details: &serde_json::Value) -> Entry {
    let mut entry = entry(number);
    for (field, text) in [(Field::Channel, "system"), (Field::Method, method), (Field::User, "anna")] {
        entry.set_text(field, Some(text));
    }
    entry.details = details.as_object().cloned().unwrap_or_default();
    entry
}

fn hold(number: u64) -> Hold {
    let (reason, placed_by) = ("case 7".to_owned(), "anna".to_owned());
    let (from, to, placed_at) = (at(295), Some(at(599)), at(number.cast_signed()));
    Hold { id: id(number), from, to, reason, placed_by, placed_at, released: None }
}

/// Entries and states: a changed setting, two holds, one of them released, and an erased payload.
fn states(number: u64, erasing: u64) -> (Vec<Entry>, StateChange) {
    let (first, second) = (hold(number + 1), hold(number + 2));
    let release = Release { by: "anna".into(), at: at(number.cast_signed() + 3), reason: "over".into() };
    let placed = |hold: &Hold| {
        let (from, to) = (hold.from.to_string(), hold.to.map(|to| to.to_string()));
        json!({ "hold": hold.id, "from": from, "to": to, "reason": hold.reason })
    };
    let mut erased = system_entry(number + 4, "payload.erased", &json!({ "reason": "a wish" }));
    erased.parent = Some(id(erasing));
    let entries = vec![
        system_entry(
            number,
            "settings.updated",
            &json!({ "changes": [{ "field": "retention_days", "old": 90, "new": 60 }] }),
        ),
        system_entry(number + 1, "hold.placed", &placed(&first)),
        system_entry(number + 2, "hold.placed", &placed(&second)),
        system_entry(number + 3, "hold.released", &json!({ "hold": second.id, "reason": release.reason })),
        erased,
    ];
    let (old, new) = (Value::Integer(90), Value::Integer(60));
    let settings = vec![SettingChange { key: "retention_days".into(), old, new }];
    let release = HoldChange::Release(second.id, release);
    let holds = vec![HoldChange::Place(first), HoldChange::Place(second), release];
    (entries, StateChange { settings, holds, erased: vec![erasing], ..StateChange::default() })
}

fn keys() -> Vec<SigningKey> {
    let kinds = [("log", SignatureKind::Log), ("log/time", SignatureKind::Time)];
    kinds.map(|(name, kind)| SigningKey::from_seed(name, kind, [7; 32]).expect("a key")).into()
}

/// A checkpoint of this size and root, signed at the beginning of the day `day`.
fn signed((size, root): (u64, Hash), day: u64, link: Option<Vec<Hash>>) -> CheckpointChange {
    let checkpoint = Checkpoint { origin: "log".into(), size, root };
    let second = day * 86_400;
    let note = SignedCheckpoint::sign(checkpoint, &keys(), second).expect("signed").to_string();
    CheckpointChange::Signed(NewCheckpoint { size, signed_at: at(second.cast_signed()), note, link })
}

/// The keys, and the checkpoint of the empty log that is made with them.
fn key_change() -> StateChange {
    let keys = keys().into_iter().map(|key| CheckpointChange::Key(key.verifier().to_string(), at(0)));
    let checkpoints = keys.chain([signed((0, Hash::of_nothing()), 0, Some(Vec::new()))]).collect();
    StateChange { checkpoints, ..StateChange::default() }
}

fn store(writer: &mut impl Writer, entries: Vec<Entry>, states: StateChange) {
    let entries = entries.into_iter().map(|entry| Prepared::new(entry, None)).collect();
    writer.commit(&Batch { entries, states }).expect("stored");
}

/// The details about checkpoints and keys for the entries about starts and cleanups.
fn counted(files: &StoreReader) -> serde_json::Value {
    let inventory = files.inventory().expect("read");
    let (archived, keys) = (inventory.archived.to_string(), inventory.key_digest());
    json!({ "checkpoint": inventory.newest, "checkpoint_digest": archived, "key_digest": keys })
}

/// A plan that removes the first `pruned` entries, and the payloads of fifty more.
fn plan(pruned: u64) -> Plan {
    let [entries_before, payloads_before] = [pruned, pruned + 50].map(|second| Some(at(second.cast_signed())));
    Plan { entries_before, payloads_before, ..Plan::default() }
}

/// The entry about a cleanup that is about to begin.
fn clean(files: &StoreReader, writer: &mut impl Writer, number: u64, pruned: u64) {
    let (first, first_payload) = files.prune_points().expect("read");
    let Plan { entries_before, payloads_before, .. } = plan(pruned);
    let mut intent = counted(files);
    for (name, place) in [
        ("first_place", first),
        ("payloads_first_place", first_payload),
        ("expected", pruned - first),
        ("payloads_expected_below", pruned + 50),
    ] {
        intent[name] = place.into();
    }
    intent["entries_before"] = entries_before.map(|at| at.to_string()).into();
    intent["payloads_before"] = payloads_before.map(|at| at.to_string()).into();
    store(writer, vec![system_entry(number, "retention.started", &intent)], StateChange::default());
}

/// Signs a checkpoint of the current tree, on the given day, and returns its size.
fn sign(files: &StoreReader, writer: &mut impl Writer, day: u64, archived: u64) -> u64 {
    let made = files.tree(|size, nodes| {
        let link = ledger::consistency(archived, size, nodes)?;
        Ok(((size, ledger::root(size, nodes)?), link))
    });
    let (head, link) = made.expect("a root");
    let checkpoints = vec![signed(head, day, Some(link))];
    store(writer, Vec::new(), StateChange { checkpoints, ..StateChange::default() });
    head.0
}

impl World {
    /// A log of `size` entries and [`MORE`]. The first `pruned` are removed. The payload of the tenth last is erased.
    pub(super) fn new(size: u64, pruned: u64) -> Self {
        Self::cleaned(size, &[pruned])
    }

    /// The same, after several cleanups: each removed the entries below one number of `rounds`.
    pub(super) fn cleaned(size: u64, rounds: &[u64]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (files, mut writer) = crate::open(folder.path()).expect("a log");
        store(&mut writer, Vec::new(), key_change());
        for begin in (0..size).step_by(97) {
            let ready = |number| Prepared::new(entry(number), (number % 5 == 0).then(|| payload(number)));
            let entries = (begin..(begin + 97).min(size)).map(ready).collect();
            writer.commit(&Batch { entries, ..Batch::default() }).expect("stored");
        }
        store(&mut writer, vec![system_entry(size, "log.started", &counted(&files))], StateChange::default());
        let (mut next, mut archived) = (size + 1, 0);
        for (day, pruned) in (1..).zip(rounds.iter().copied()) {
            clean(&files, &mut writer, next, pruned);
            let head = sign(&files, &mut writer, day, archived);
            let plan = plan(pruned);
            while pruned > 0 && writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned").more {}
            let (first, first_payload) = files.prune_points().expect("read");
            let over = json!({ "first_place": first, "payloads_first_place": first_payload });
            store(&mut writer, vec![system_entry(next + 1, "retention.completed", &over)], StateChange::default());
            (next, archived) = (next + 2, head);
        }
        let (entries, states) = states(next + 1, size - 10);
        store(&mut writer, entries, states);
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder().join("mcp-audit-log.db")
    }

    /// A copy of the log.
    pub(super) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::copy(self.file(), folder.path().join("mcp-audit-log.db")).expect("copied");
        Self { folder }
    }

    pub(super) fn raw(&self) -> Connection {
        let raw = Connection::open(self.file()).expect("a raw connection");
        crate::show_columns(&raw).expect("a view");
        raw
    }

    pub(super) fn verify(&self) -> Result<Verified, VerifyError> {
        verify(self.folder(), &[], &|_, _, _| {})
    }

    /// The result of a verification after `sql`.
    pub(super) fn wrong_after(&self, sql: &str) -> VerifyFinding {
        let copy = self.copy();
        tamper(&copy.file(), sql);
        match copy.verify() {
            Err(VerifyError::Wrong(wrong)) => wrong,
            other => panic!("missed: {sql}: {other:?}"),
        }
    }
}
