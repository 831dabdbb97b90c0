//! Combinations of columns that entries have in common: each once in its era, and gone with it.

use rusqlite::Connection;

use super::super::commons::ERA;
use super::super::verify::verify_unsigned;
use super::{Log, all, at, batch, entry, log};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{Batch, Prepared, Removal, Writer};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;

/// An entry of one of `users` users, without a payload.
fn of_user(number: u64, users: u64) -> Entry {
    let mut entry = entry(number, at(number.cast_signed()));
    entry.set_text(Field::User, Some(&format!("user-{}", number % users)));
    entry
}

fn store(writer: &mut impl Writer, range: std::ops::Range<u64>, users: u64) {
    let entries = range.map(|number| Prepared::new(of_user(number, users), None)).collect();
    writer.commit(&Batch { entries, ..Batch::default() }).expect("stored");
}

/// The era of each combination, ascending.
fn eras(folder: &std::path::Path) -> Vec<u64> {
    let raw = Connection::open(folder.join("mcp-audit-log.db")).expect("raw");
    let mut found = raw.prepare("SELECT first FROM common ORDER BY first, number").expect("a statement");
    found.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("combinations")
}

#[test]
fn a_combination_is_stored_once_in_its_era_even_after_a_restart() {
    let Log { folder, files, mut writer } = log([]);
    store(&mut writer, 0..50, 3);
    // One call, and three callers.
    assert_eq!(eras(folder.path()), [0; 4]);
    drop((files, writer));
    let (files, mut writer) = crate::open(folder.path()).expect("a log");
    store(&mut writer, 50..ERA, 4);
    assert_eq!(eras(folder.path()), [0; 5]);
    store(&mut writer, ERA..ERA + 10, 2);
    assert_eq!(eras(folder.path()), [vec![0; 5], vec![ERA; 3]].concat());
    let found = all(&files, Domain::equals(Field::User, "user-3"));
    assert!(found.len() > 200 && found.iter().all(|entry| entry.text(Field::Tool) == Some("tool")));
    verify_unsigned(folder.path()).expect("whole");
}

/// A transaction that fails after it stored a combination takes the combination with it.
#[test]
fn a_combination_of_an_undone_transaction_is_not_believed() {
    let Log { folder, files, mut writer } = log([of_user(0, 1)]);
    let raw = Connection::open(folder.path().join("mcp-audit-log.db")).expect("raw");
    let guard: String = raw
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'tile_no_update'", [], |row| row.get(0))
        .expect("a trigger");
    let refusing = "CREATE TRIGGER tile_no_update BEFORE UPDATE ON tile BEGIN SELECT RAISE(ABORT, 'no'); END";
    raw.execute_batch(&format!("DROP TRIGGER tile_no_update; {refusing}")).expect("made");
    writer.commit(&batch([of_user(7, 8)])).expect_err("refused");
    raw.execute_batch(&format!("DROP TRIGGER tile_no_update; {guard}")).expect("as it was");
    writer.commit(&batch([of_user(5, 6), of_user(7, 8)])).expect("stored");
    let users: Vec<_> =
        all(&files, Domain::TRUE).iter().map(|entry| entry.text(Field::User).map(str::to_owned)).collect();
    assert_eq!(users, ["user-7", "user-5", "user-0"].map(|user| Some(user.to_owned())));
    verify_unsigned(folder.path()).expect("whole");
}

#[test]
fn combinations_go_with_the_last_entry_of_their_era() {
    let Log { folder, files, mut writer } = log([]);
    for begin in (0..3 * ERA).step_by(ERA as usize / 2) {
        store(&mut writer, begin..begin + ERA / 2, 3);
    }
    for (cut, left) in [(ERA - 1, 3), (ERA, 2), (2 * ERA - 1, 2), (3 * ERA - 1, 1)] {
        let plan = Plan { entries_before: Some(at(cut.cast_signed())), ..Plan::default() };
        while writer.prune(Removal::everywhere(plan)).expect("pruned").more {}
        assert_eq!(files.seqs().expect("seqs").start, cut);
        assert_eq!(eras(folder.path()).len(), left * 4, "{cut}");
        verify_unsigned(folder.path()).expect("whole");
    }
}

/// Entries that differ from one another do not make an era's combinations grow without end.
#[test]
fn an_era_has_a_bounded_number_of_combinations() {
    let Log { folder, files, mut writer } = log([]);
    store(&mut writer, 0..300, 300);
    assert_eq!(eras(folder.path()).len(), 100);
    assert_eq!(all(&files, Domain::equals(Field::User, "user-250"))[0].seq, 250);
    store(&mut writer, ERA - 1..ERA, 300);
    verify_unsigned(folder.path()).expect("whole");
}
