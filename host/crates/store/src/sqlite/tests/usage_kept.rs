//! Runs of usage in the file: rebuilt where they can be, reported where they cannot, removed by retention alone.

use rusqlite::Connection;

use super::usage::{ENTRIES, STEP, request};
use super::{Log, at, batch, log};
use crate::sqlite::tests::LARGE;
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_index::{MissingUsage, StoreReader, Usage, UsageQuery, Writer};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::SECOND;

fn raw(log: &Log) -> Connection {
    Connection::open(log.folder.path().join("mcp-audit-log.db")).expect("a database")
}

fn usage(files: &StoreReader) -> Usage {
    let range = at(-1_000_000)..at(ENTRIES as i64 * STEP);
    let query = UsageQuery { by: vec![Field::User.into()], limit: 9, ..UsageQuery::over(range) };
    files.usage(&query).expect("usage")
}

/// Up to this `seq` entries go, up to that one usage.
fn clean(log: &mut Log, entries: u64, usage: Option<u64>) {
    let moment = |seq: u64| at(seq as i64 * STEP);
    let plan = Plan { entries_before: Some(moment(entries)), payloads_before: None, usage_before: usage.map(moment) };
    while log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("a step").more {}
}

type Rows = Vec<(u64, u64, Vec<u8>, Vec<u8>)>;

/// Runs and parts, to the byte.
fn kept(raw: &Connection) -> (Vec<(u64, u64)>, Rows) {
    let mut runs = raw.prepare("SELECT first, length FROM usage_run ORDER BY first").expect("a statement");
    let mut parts = raw
        .prepare("SELECT run, number, cells, amounts FROM usage_part ORDER BY run, number, share")
        .expect("a statement");
    let runs = runs.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect);
    let parts = parts.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    (runs.expect("runs"), parts.and_then(Iterator::collect).expect("parts"))
}

#[test]
fn a_run_is_made_with_each_large_block_and_again_where_it_is_lost() {
    let log = log((0..ENTRIES).map(request));
    let (whole, expected) = (kept(&raw(&log)), usage(&log.files));
    assert_eq!(whole.0, [(0, LARGE), (LARGE, LARGE)]);
    let Log { folder, files, writer } = log;
    drop((files, writer));
    for damage in [
        "DELETE FROM usage_part; DELETE FROM usage_run",
        "DELETE FROM usage_run WHERE first = 0",
        "DELETE FROM usage_run WHERE first > 0",
        "DELETE FROM usage_part WHERE number = 4",
        "DELETE FROM usage_part WHERE share = 7",
        "UPDATE usage_part SET cells = zeroblob(length(cells)) WHERE number = 1",
        "UPDATE usage_part SET amounts = substr(amounts, 2) WHERE number = 3",
        "UPDATE usage_part SET amounts = x'00' WHERE run > 0",
        "UPDATE usage_part SET amounts = x'' WHERE number = 5",
        // Whole, but in the place of something else.
        "UPDATE usage_part SET share = share + 100 WHERE number > 16;
            UPDATE usage_part SET share = (share - 99) % 16 WHERE share >= 100",
        "UPDATE usage_part SET cells = amounts, amounts = cells WHERE number = 1",
        "UPDATE usage_part SET run = 1 - run WHERE run < 2; UPDATE usage_part SET number = 29 WHERE number = 5",
        "UPDATE usage_run SET length = length + 1",
        "UPDATE usage_run SET length = 1 << 40 WHERE first > 0",
        "UPDATE usage_run SET fields = 0 WHERE first = 0",
        "UPDATE usage_run SET least = least + 3600000000 WHERE first = 0",
        "UPDATE usage_run SET recorded = 0 WHERE first = 0",
        "UPDATE usage_run SET fields = -1",
        "UPDATE usage_run SET first = -5 WHERE first = 0",
        "UPDATE usage_run SET length = 9223372036854775807 WHERE first > 0",
    ] {
        // As an intruder could who restores the triggers.
        let raw = Connection::open(folder.path().join("mcp-audit-log.db")).expect("a database");
        let triggers: Vec<(String, String)> = {
            let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'usage%no_update'";
            let mut statement = raw.prepare(sql).expect("a statement");
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("triggers");
            rows.collect::<Result<_, _>>().expect("triggers")
        };
        triggers.iter().for_each(|(name, _)| raw.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped"));
        raw.execute_batch(damage).expect(damage);
        triggers.iter().for_each(|(_, sql)| raw.execute_batch(sql).expect("made again"));
        drop(raw);
        let (files, writer) = crate::open(folder.path()).expect("a log");
        let log = Log { folder: tempfile::tempdir().expect("a folder"), files, writer };
        let raw = Connection::open(folder.path().join("mcp-audit-log.db")).expect("a database");
        assert!(kept(&raw) == whole, "{damage}");
        assert!(usage(&log.files) == expected, "{damage}");
    }
}

#[test]
fn kept_usage_cannot_be_changed() {
    let mut log = log((0..ENTRIES).map(request));
    clean(&mut log, LARGE + 10, None);
    let before = kept(&raw(&log));
    let raw = raw(&log);
    raw.pragma_update(None, "recursive_triggers", "OFF").expect("off");
    for sql in [
        "UPDATE usage_run SET most = 0",
        "UPDATE usage_part SET cells = x''",
        "DELETE FROM usage_run",
        "DELETE FROM usage_part",
        "REPLACE INTO usage_run SELECT first, length, 0, least, most, recorded, checksum FROM usage_run LIMIT 1",
        "REPLACE INTO usage_part SELECT run, number, share, x'', x'' FROM usage_part LIMIT 1",
        "UPDATE head SET usage_pruned = 1 << 40",
    ] {
        assert!(raw.execute_batch(sql).is_err(), "ran: {sql}");
        assert!(log.writer.store().connection().execute_batch(sql).is_err(), "the writer ran: {sql}");
    }
    assert!(kept(&raw) == before);
}

#[test]
fn figures_outlive_the_entries_and_go_by_a_period_of_their_own() {
    let mut log = log((0..ENTRIES).map(request));
    let before = usage(&log.files);
    clean(&mut log, ENTRIES, None);
    assert_eq!(usage(&log.files), before, "not one entry is left");
    clean(&mut log, ENTRIES, Some(LARGE + 10));
    assert_eq!(kept(&raw(&log)).0.len(), 2, "the first run is gone");
    let after = usage(&log.files);
    let last = at((LARGE as i64 - 1) * STEP);
    assert!(
        matches!(after.missing[..], [MissingUsage::Removed(until)] if until > last && until < last.plus(3_600 * SECOND))
    );
    assert!(after.totals.stats.requests < before.totals.stats.requests && after.totals.stats.requests > 0);
    clean(&mut log, ENTRIES, Some(ENTRIES + 1));
    assert_eq!((kept(&raw(&log)).0.len(), usage(&log.files).totals.stats.requests), (0, 0));
    log.writer.commit(&batch((ENTRIES..2 * ENTRIES).map(request))).expect("stored");
    assert_eq!(kept(&raw(&log)).0.first().map(|run| run.0), Some(ENTRIES), "it goes on where the log does");
}

#[test]
fn a_name_is_kept_as_long_as_usage_is() {
    let mut log = log((0..ENTRIES).map(request));
    let names = |log: &Log| -> u64 {
        let sql = "SELECT count(*) FROM term WHERE field = ?1 AND text IN ('ada', 'bob')";
        raw(log).query_row(sql, [Field::User as i64], |row| row.get(0)).expect("counted")
    };
    clean(&mut log, ENTRIES, None);
    assert_eq!(names(&log), 2);
    clean(&mut log, ENTRIES, Some(ENTRIES + 1));
    assert_eq!(names(&log), 0);
}

/// What can neither be read nor rebuilt is reported with every answer that it touches.
#[test]
fn damage_that_cannot_be_repaired_is_reported() {
    for damage in [
        "UPDATE usage_part SET cells = x'00' WHERE run = 0",
        "UPDATE usage_run SET fields = -1 WHERE first = 0",
        "UPDATE usage_run SET length = 9223372036854775807 WHERE first = 0",
        "UPDATE usage_run SET least = 0, most = -1 WHERE first = 0",
        "UPDATE usage_run SET first = -5 WHERE first = 0",
    ] {
        let mut log = log((0..ENTRIES).map(request));
        clean(&mut log, LARGE / 2, None);
        let triggers = "DROP TRIGGER usage_part_no_update; DROP TRIGGER usage_run_no_update;";
        raw(&log).execute_batch(&format!("{triggers} {damage}")).expect("damaged");
        assert_eq!(usage(&log.files).missing, [MissingUsage::Damaged], "{damage}");
        log.writer.commit(&batch((ENTRIES..ENTRIES + 1).map(request))).expect("recording goes on");
    }
}
