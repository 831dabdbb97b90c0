//! The index is made from the entries, and rebuilt from them where it was damaged.

use std::path::Path;

use rusqlite::Connection;

use super::finding::{ENTRIES, everything, varied};
use super::{Log, at, batch, log};
use crate::sqlite::tests::LARGE;
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{PageAnchor, PageQuery, Writer};
use mcp_audit_log_model::field::Field;

fn raw(folder: &Path) -> Connection {
    Connection::open(folder.join("mcp-audit-log.db")).expect("a database")
}

const TOOL: u64 = Field::Tool as u64;

type Row = (u64, Vec<u8>, Vec<u8>);

/// Keys and bytes.
type Blobs = Vec<(u64, Vec<u8>)>;
/// Blocks, chunks, and the two tables of ids.
type Index = (Vec<(u64, u64, i64)>, Vec<Row>, [Blobs; 2]);

/// The parts of the index of ids, and the newest ids.
fn ids(raw: &Connection) -> [Blobs; 2] {
    ["SELECT place, ids FROM id_part ORDER BY place", "SELECT seq, id FROM entry_id ORDER BY seq, id"].map(|sql| {
        let mut found = raw.prepare(sql).expect(sql);
        found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect).expect(sql)
    })
}

/// All blocks, chunks and ids, byte for byte.
fn index(folder: &Path) -> Index {
    let raw = raw(folder);
    let mut blocks = raw.prepare("SELECT first, length, fields FROM block ORDER BY first").expect("a statement");
    let mut chunks = raw.prepare("SELECT place, zone, planes FROM chunk ORDER BY place").expect("a statement");
    let blocks = blocks.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).and_then(Iterator::collect);
    let chunks = chunks.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).and_then(Iterator::collect);
    (blocks.expect("blocks"), chunks.expect("chunks"), ids(&raw))
}

#[test]
fn a_start_makes_again_what_is_missing() {
    let Log { folder, files, writer } = log((0..ENTRIES).map(varied));
    let wanted = Domain::equals(Field::Tool, "a");
    let (entries, whole) = (everything(&files, &wanted), index(folder.path()));
    assert_eq!(whole.0.len(), 2 + 3);
    drop((files, writer));
    for damage in [
        "DELETE FROM chunk; DELETE FROM block",
        "DELETE FROM block",
        "DELETE FROM chunk",
        "DELETE FROM block WHERE first = 0",
        "DELETE FROM block WHERE first = (SELECT max(first) FROM block)",
        "DELETE FROM block WHERE first = (SELECT first FROM block LIMIT 1 OFFSET 2)",
        "DELETE FROM chunk WHERE place < 64",
        &format!("DELETE FROM chunk WHERE place = {TOOL}"),
        &format!(
            "REPLACE INTO chunk SELECT place, zone, zeroblob(length(planes)) FROM chunk WHERE place % 64 = {TOOL}"
        ),
        "REPLACE INTO chunk SELECT place, zeroblob(length(zone)), planes FROM chunk",
        "INSERT INTO block VALUES (1 << 20, 1024, 0, x'')",
        "REPLACE INTO block VALUES (0, 1 << 40, 0, x'')",
        "REPLACE INTO block SELECT first, length, 0, ids FROM block",
        "DELETE FROM id_part",
        "DELETE FROM id_part WHERE place = (SELECT max(place) FROM id_part)",
        "REPLACE INTO id_part SELECT place, zeroblob(length(ids)) FROM id_part",
        "DELETE FROM entry_id",
        "REPLACE INTO block SELECT first, length, fields, zeroblob(52) FROM block",
        "INSERT INTO entry_id SELECT randomblob(16), seq FROM entry",
    ] {
        raw(folder.path()).execute_batch(damage).expect("damaged");
        if damage.contains(';') {
            let files = crate::open_to_read(folder.path()).expect("a log");
            assert!(everything(&files, &wanted) == entries, "rows are found without an index, too");
        }
        let (files, _writer) = crate::open(folder.path()).expect("a log");
        assert!(index(folder.path()) == whole, "{damage}");
        assert!(everything(&files, &wanted) == entries, "{damage}");
    }
}

/// If damage is found while the log records, no entry is lost, and the index is whole afterwards.
#[test]
fn damage_does_not_stop_the_recording() {
    let undamaged = log((0..2 * ENTRIES).map(varied));
    // The first small block is at 2,048: without it nothing is amiss but for what is to be merged.
    let first_small = 2 * LARGE;
    for damage in [
        "REPLACE INTO chunk SELECT place, x'00', x'00' FROM chunk".to_owned(),
        format!("DELETE FROM block WHERE first = {first_small}"),
        format!("DELETE FROM block WHERE first <= {first_small}"),
    ] {
        let Log { folder, files, mut writer } = log((0..ENTRIES).map(varied));
        raw(folder.path()).execute_batch(&damage).expect("damaged");
        let more = || batch((ENTRIES..2 * ENTRIES).map(varied));
        let error = writer.commit(&more()).expect_err("small blocks cannot be merged");
        assert!(error.is_index() && !error.is_refusal(), "{damage}: {error}");
        writer.commit(&more()).expect("stored");
        assert_eq!(everything(&files, &Domain::TRUE).len() as u64, 2 * ENTRIES, "{damage}");
        assert!(index(folder.path()) == index(undamaged.folder.path()), "{damage}");
    }
}

/// If a row is removed while the log is open, that is reported. The hole is neither merged into a block nor used by the
/// garbage collection.
#[test]
fn a_hole_is_reported_and_not_believed() {
    let Log { folder, files, mut writer } = log((0..ENTRIES).map(varied));
    raw(folder.path()).execute_batch(&format!("DELETE FROM chunk WHERE place = {TOOL}")).expect("damaged");
    let texts = |folder: &Path| -> u64 {
        raw(folder).query_row("SELECT count(*) FROM term", [], |row| row.get(0)).expect("counted")
    };
    let before = texts(folder.path());
    let plan = Plan { entries_before: Some(at(10)), ..Plan::default() };
    let swept = loop {
        match writer.prune(mcp_audit_log_index::Removal::everywhere(plan)) {
            Ok(step) if step.more => {}
            other => break other,
        }
    };
    assert!(swept.expect_err("the index is damaged").is_index());
    raw(folder.path()).execute_batch("DELETE FROM block WHERE first = 2048").expect("damaged");
    let query = PageQuery { domain: Domain::equals(Field::Tool, "a"), from: PageAnchor::Newest, limit: 10 };
    assert!(files.page(&query).expect_err("there is a hole").is_index());
    writer.commit(&batch((ENTRIES..ENTRIES + 1).map(varied))).expect("stored");
    assert_eq!(everything(&files, &Domain::TRUE).len() as u64, ENTRIES + 1 - 10);
    assert!(texts(folder.path()) >= before);
}

/// A forged index in which every entry matches shows no entry that does not match.
#[test]
fn a_forged_index_shows_nothing_more() {
    let Log { folder, files, writer: _writer } = log((0..ENTRIES).map(varied));
    let own = everything(&files, &Domain::equals(Field::User, "a"));
    // The columns of users become those of outcomes: other numbers for other entries.
    let (user, outcome) = (Field::User as u64, Field::Outcome as u64);
    let forged = format!(
        "REPLACE INTO chunk SELECT place - {outcome} + {user}, zone, planes FROM chunk WHERE place % 64 = {outcome}"
    );
    raw(folder.path()).execute_batch(&forged).expect("forged");
    let shown = everything(&files, &Domain::equals(Field::User, "a"));
    assert!(shown.len() < own.len(), "the forged index was not asked");
    assert!(shown.iter().all(|entry| entry.text(Field::User) == Some("a")));
}
