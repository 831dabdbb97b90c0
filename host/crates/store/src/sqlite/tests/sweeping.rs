//! The dictionary after a cleanup: texts that no entry uses are removed, and used ones are there.

use rusqlite::Connection;

use super::{Log, all, at, batch, entry, log, tamper};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{StoreReader, Stored, Writer};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};

/// An entry with its own user; its other values are the same in all entries.
fn of_user(number: u64) -> Entry {
    let mut entry = entry(number, at(number.cast_signed()));
    entry.set_text(Field::User, Some(&name(number)));
    entry.set_text(Field::Tool, Some(["search", "read", "write"][number as usize % 3]));
    entry
}

fn name(number: u64) -> String {
    format!("user-{number:04}")
}

fn users(count: u64) -> Log {
    log((0..count).map(of_user))
}

/// A plan that removes the entries below this number.
fn below(number: i64) -> Plan {
    Plan { entries_before: Some(at(number)), ..Plan::default() }
}

/// Runs steps of the cleanup until it reports that it is finished.
fn clean(log: &mut Log, plan: Plan) {
    while log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("a step").more {}
}

fn raw(log: &Log) -> Connection {
    let raw = Connection::open(log.folder.path().join("mcp-audit-log.db")).expect("a raw connection");
    crate::show_columns(&raw).expect("a view");
    raw
}

/// The stored texts of a field, by number.
fn texts(log: &Log, field: Field) -> Vec<(i64, String)> {
    let raw = raw(log);
    let mut statement = raw.prepare("SELECT id, text FROM term WHERE field = ?1 ORDER BY id").expect("a statement");
    let texts = statement.query_map([field as i64], |row| Ok((row.get(0)?, row.get(1)?))).expect("texts");
    texts.collect::<Result<_, _>>().expect("texts")
}

fn names(log: &Log) -> Vec<String> {
    texts(log, Field::User).into_iter().map(|(_, text)| text).filter(|text| !text.is_empty()).collect()
}

/// Every number in an entry has its text, and an entry uses every text.
fn assert_exact(log: &Log) {
    let raw = raw(log);
    for field in Field::ALL.iter().filter(|field| field.kind() == FieldType::Text && field.repeats()) {
        let (number, column) = (*field as i64, field.name());
        let has = format!("SELECT {column} FROM entries WHERE {column} IS NOT NULL");
        let there = format!("SELECT id FROM term WHERE field = {number}");
        for (what, sql) in [
            ("lost", format!("SELECT count(*) FROM ({has} EXCEPT {there})")),
            ("left", format!("SELECT count(*) FROM ({there} AND text <> '' EXCEPT {has})")),
        ] {
            let count: i64 = raw.query_row(&sql, [], |row| row.get(0)).expect(&sql);
            assert_eq!(count, 0, "texts of {column} are {what}");
        }
    }
}

fn found(files: &StoreReader, user: &str) -> Vec<u64> {
    all(files, Domain::equals(Field::User, user)).iter().map(|entry| entry.seq).collect()
}

fn found_like(files: &StoreReader, pattern: &str) -> usize {
    let domain = mcp_audit_log_filter::parse_text(
        &format!("user:{pattern}"),
        &mcp_audit_log_filter::Context::without_viewer(at(0)),
    );
    all(files, domain.expect("a domain")).len()
}

#[test]
fn a_text_goes_with_its_last_entry() {
    // The cut is within a small block, within a large one, and within the open block.
    for (count, cut) in [(300, 201), (1_100, 700), (40, 30)] {
        let mut log = users(count);
        clean(&mut log, below(cut));
        let kept: Vec<_> = (cut.unsigned_abs()..count).map(name).collect();
        assert_eq!(names(&log), kept);
        assert_exact(&log);
        assert_eq!(texts(&log, Field::Tool).len(), 3, "what is still used stays");
        assert_eq!(found(&log.files, &name(count - 1)), [count - 1]);
        assert!(found(&log.files, &name(0)).is_empty());
    }
}

#[test]
fn the_last_text_of_all_goes_as_well_and_no_number_is_given_twice() {
    let mut log = users(100);
    clean(&mut log, below(1_000));
    assert_eq!(texts(&log, Field::User), [(101, String::new())], "an empty text keeps the number");
    clean(&mut log, below(1_000));
    assert_eq!(log.writer.commit(&batch([of_user(5_000)])).expect("stored"), [Stored::At(100)]);
    assert_eq!(texts(&log, Field::User)[1], (102, name(5_000)));
    assert_eq!(found(&log.files, &name(5_000)), [100]);
    clean(&mut log, below(4_000));
    assert_exact(&log);
}

#[test]
fn what_is_recorded_while_texts_go_keeps_its_text() {
    let mut log = users(1_300);
    let plan = below(1_200);
    while names(&log).len() == 1_300 {
        assert!(log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("a step").more);
    }
    assert_eq!(names(&log).len(), 800, "a step removes so many");
    // One that is gone already, and one that would have gone next.
    let mut again = [of_user(0), of_user(900)];
    for (number, entry) in (2_000..).zip(&mut again) {
        (entry.id, entry.recorded_at) = (uuid::Uuid::from_u128(number), at(1_400));
    }
    log.writer.commit(&batch(again)).expect("stored");
    clean(&mut log, plan);
    assert_exact(&log);
    assert_eq!(names(&log).len(), 102);
    assert_eq!((found(&log.files, &name(0)), found(&log.files, &name(900))), (vec![1_300], vec![1_301]));
    assert_eq!(texts(&log, Field::User).last().map(|(id, text)| (*id, text.clone())), Some((1_301, name(0))));
}

#[test]
fn a_sweep_that_was_interrupted_is_made_up_for() {
    let mut log = users(1_300);
    while names(&log).len() == 1_300 {
        log.writer.prune(mcp_audit_log_index::Removal::everywhere(below(1_200))).expect("a step");
    }
    let Log { folder, files, writer } = log;
    drop((files, writer));
    let (files, writer) = crate::open(folder.path()).expect("the log again");
    let mut log = Log { folder, files, writer };
    assert!(
        log.writer.prune(mcp_audit_log_index::Removal::everywhere(below(1_200))).expect("a step").more,
        "no entry is to go, but texts are"
    );
    clean(&mut log, below(1_200));
    assert_eq!(names(&log).len(), 100);
    assert_exact(&log);
}

#[test]
fn readers_forget_what_is_gone() {
    let mut log = users(300);
    assert_eq!(found_like(&log.files, "user-01*"), 100);
    assert!(log.files.texts().remembers(Field::User, "user-0100"));
    clean(&mut log, below(150));
    assert_eq!(found_like(&log.files, "user-01*"), 50);
    assert!(!log.files.texts().remembers(Field::User, "user-0100"));
    log.writer.commit(&batch([of_user(1_000)])).expect("stored");
    assert_eq!((found_like(&log.files, "user-1*"), found_like(&log.files, "user-*")), (1, 151));
}

#[test]
fn a_text_goes_only_while_the_cleanup_sweeps() {
    let mut log = users(100);
    clean(&mut log, below(50));
    let before = texts(&log, Field::User);
    for sql in ["DELETE FROM term", "DELETE FROM term WHERE id > 60", "UPDATE head SET sweeping = 2"] {
        assert!(log.writer.store().connection().execute_batch(sql).is_err(), "the writer could run: {sql}");
        assert!(raw(&log).execute_batch(sql).is_err(), "a raw connection could run: {sql}");
    }
    assert!(
        log.writer.store().connection().execute_batch("UPDATE head SET sweeping = 1").is_err(),
        "only the cleanup may"
    );
    assert_eq!(texts(&log, Field::User), before);
}

/// A damaged file must not use up the server's memory.
#[test]
fn a_huge_number_in_the_dictionary_ends_the_cleanup_and_not_the_process() {
    let mut log = log((0..20).map(|number| entry(number, at(number.cast_signed()))));
    let huge = "INSERT INTO term SELECT field, 1 << 40, 'huge' FROM term WHERE field = 8 LIMIT 1";
    tamper(&log.folder.path().join("mcp-audit-log.db"), huge);
    let error = loop {
        match log.writer.prune(mcp_audit_log_index::Removal::everywhere(below(10))) {
            Ok(step) => assert!(step.more, "it is done"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("which was never assigned"), "{error}");
}
