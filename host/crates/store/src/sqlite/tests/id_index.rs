//! Entries are found by their ids, wherever their block is, and only they.

use rusqlite::Connection;
use uuid::Uuid;

use super::super::ids::with_same_hash;
use super::super::verify::verify_unsigned;
use super::finding::{ENTRIES, id, varied};
use super::{Log, all, at, batch, entry, log};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{Removal, StoreReader, Stored, Writer};
use mcp_audit_log_model::field::Field;

fn found(files: &StoreReader, id: Uuid) -> Vec<u64> {
    all(files, Domain::equals(Field::Id, id.to_string())).iter().map(|entry| entry.seq).collect()
}

#[test]
fn every_id_is_found_once_and_no_other() {
    let Log { folder, files, writer } = log((0..ENTRIES).map(varied));
    for number in 0..ENTRIES {
        assert_eq!(found(&files, id(number)), [number]);
    }
    for number in ENTRIES..ENTRIES + 200 {
        assert!(found(&files, id(number)).is_empty(), "{number}");
    }
    verify_unsigned(folder.path()).expect("whole");
    drop(writer);
    // A writer that remembers no id.
    let (files, mut writer) = crate::open(folder.path()).expect("a log");
    let again = writer.commit(&batch((0..ENTRIES).map(varied))).expect("stored");
    assert!(again.iter().all(|stored| *stored == Stored::Duplicate));
    assert_eq!(files.extent().expect("measured").entries, ENTRIES);
}

#[test]
fn an_id_goes_with_its_entry() {
    let Log { folder, files, mut writer } = log((0..ENTRIES).map(varied));
    let cut = ENTRIES / 2 + 7;
    let plan = Plan { entries_before: Some(at(cut as i64)), ..Plan::default() };
    while writer.prune(Removal::everywhere(plan)).expect("pruned").more {}
    for number in 0..ENTRIES {
        assert_eq!(found(&files, id(number)).len(), usize::from(number >= cut), "{number}");
    }
    verify_unsigned(folder.path()).expect("whole");
    drop((files, writer));
    let (files, mut writer) = crate::open(folder.path()).expect("a log");
    let stored = writer.commit(&batch([varied(3), varied(cut)])).expect("stored");
    assert_eq!(stored, [Stored::At(ENTRIES), Stored::Duplicate]);
    assert_eq!(found(&files, id(3)), [ENTRIES]);
}

#[test]
fn ids_that_are_not_timed_are_kept_like_entries() {
    let log = log((0..ENTRIES).map(varied));
    let raw = Connection::open(log.folder.path().join("mcp-audit-log.db")).expect("raw");
    let count = || raw.query_row("SELECT count(*) FROM other_id", [], |row| row.get::<_, u64>(0)).expect("counted");
    assert!((400..500).contains(&count()), "{}", count());
    for connection in [&raw, log.writer.store().connection()] {
        for sql in ["DELETE FROM other_id", "UPDATE other_id SET seq = seq + 1"] {
            assert!(connection.execute_batch(sql).is_err(), "ran: {sql}");
        }
    }
}

/// The hash only selects candidates.
#[test]
fn an_id_with_the_hash_of_another_is_another() {
    let ids = with_same_hash();
    assert_ne!(ids[0], ids[1]);
    let of = |id: Uuid, number: u64| {
        let mut entry = entry(number, at(number as i64));
        entry.id = id;
        entry
    };
    let others = (1_000..1_200).map(|number| entry(number, at(number as i64)));
    let Log { folder, files, writer } = log([of(ids[0], 1)].into_iter().chain(others));
    assert_eq!((found(&files, ids[0]), found(&files, ids[1])), (vec![0], vec![]));
    drop((files, writer));
    let (files, mut writer) = crate::open(folder.path()).expect("a log");
    assert_eq!(
        writer.commit(&batch([of(ids[1], 2), of(ids[0], 1)])).expect("stored"),
        [Stored::At(201), Stored::Duplicate]
    );
    assert_eq!((found(&files, ids[0]), found(&files, ids[1])), (vec![0], vec![201]));
}
