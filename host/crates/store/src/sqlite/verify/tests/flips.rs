//! Changes each column of each table in its first, a middle and its last row, and random bytes of the file.

use std::fs;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::support::World;
use crate::VerifyError;
use mcp_audit_log_index::Packed;
use mcp_audit_log_model::field::{Field, FieldType};

/// The tables in which verification finds every change.
const EVIDENCE: &[&str] = &[
    "entry",
    "common",
    "payload",
    "term",
    "tile",
    "block",
    "chunk",
    "entry_id",
    "id_part",
    "other_id",
    "head",
    "setting",
    "hold",
    "checkpoint",
    "verifier",
];
/// The tables that are not evidence: jobs, private views, publishing states, confirmations of the clock, records of what
/// judged, tools and alerts, which entries report as well, and usage, whose checksums only detect damage.
const OTHERS: &[&str] = &["cron", "view", "alert", "tool", "place", "clock", "judged_by", "usage_run", "usage_part"];
/// Columns that are not evidence either: the number of removed texts, for caches of readers, and the progress of usage.
const FREE: &[&str] = &["head.swept", "head.usage_pruned", "head.usage_until"];

fn names(raw: &Connection, sql: &str) -> Vec<String> {
    raw.prepare(sql).and_then(|mut found| found.query_map([], |row| row.get(0))?.collect()).expect("names")
}

#[test]
fn of_every_table_it_is_known_whether_it_is_evidence() {
    let tables = names(&World::new(20, 0).raw(), "SELECT name FROM sqlite_schema WHERE type = 'table'");
    let unknown = |name: &&String| ![EVIDENCE, OTHERS].concat().contains(&name.as_str());
    let unknown: Vec<_> = tables.iter().filter(unknown).collect();
    assert!(unknown.is_empty(), "{unknown:?}: write a check in `verify`, or say in OTHERS that it needs none");
}

/// Another value of the same type. If no value is set, one is set.
fn flipped(value: &Sql, declared: &str, is_key: bool, at: usize) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match value {
        Sql::Null if declared == "TEXT" => "'x'".to_owned(),
        Sql::Null if declared == "BLOB" => "x'00'".to_owned(),
        Sql::Null => "1".to_owned(),
        // To a place where no other row is in the way.
        Sql::Integer(number) if is_key => (number + 100_000).to_string(),
        Sql::Integer(number) => (number ^ 1 << (at * 2)).to_string(),
        Sql::Real(number) => (number + 1.0).to_string(),
        Sql::Text(text) if text.is_empty() => "'x'".to_owned(),
        Sql::Text(text) => {
            let mut chars: Vec<_> = text.chars().collect();
            let place = at * (chars.len() - 1) / 2;
            chars[place] = if chars[place] == '#' { '*' } else { '#' };
            format!("'{}'", chars.into_iter().collect::<String>().replace('\'', "''"))
        }
        Sql::Blob(bytes) if bytes.is_empty() => "x'00'".to_owned(),
        Sql::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let place = at * (bytes.len() - 1) / 2;
            bytes[place] ^= 1;
            format!("x'{}'", hex(&bytes))
        }
    }
}

fn key(table: &str) -> &str {
    match table {
        "tile" => "level, number",
        "term" => "field, id",
        "common" => "first, number",
        "entry_id" | "other_id" => "id, seq",
        "entries" => "seq",
        "setting" => "key",
        "verifier" => "vkey",
        "head" => "one",
        _ => "rowid",
    }
}

/// The first row of a table, one in the middle, and the last one.
const ROWS: [u64; 3] = [0, 1, 2];

/// A statement that changes a column of a row.
fn flip(raw: &Connection, table: &str, column: &str, declared: &str, row: u64) -> String {
    let rows = format!("SELECT count(*) FROM {table}");
    let rows: u64 = raw.query_row(&rows, [], |found| found.get(0)).expect("rows");
    let (order, offset) = (key(table), row * (rows - 1) / 2);
    let here = format!("({order}) = (SELECT {order} FROM {table} ORDER BY {order} LIMIT 1 OFFSET {offset})");
    let value = format!("SELECT {column} FROM {table} WHERE {here}");
    let value: Sql = raw.query_row(&value, [], |found| found.get(0)).expect("a value");
    let declared = if table == "entries" { declared_type(column) } else { declared };
    let is_key = ["seq", "field", "id", "level", "number", "first", "place"].contains(&column);
    let new = match possible(column).filter(|_| table == "entries" && value == Sql::Null) {
        Some(new) => new.to_owned(),
        None => flipped(&value, declared, is_key, row as usize),
    };
    format!("UPDATE {table} SET {column} = {new} WHERE {here}")
}

/// The type of a column of the view of entries, which declares none.
fn declared_type(column: &str) -> &str {
    let is_text = |field: Field| field.kind() == FieldType::Text && !field.repeats();
    match Field::named(column) {
        _ if column == "details" => "TEXT",
        Some(field) if is_text(field) => "TEXT",
        _ => "INTEGER",
    }
}

/// Another value that a column of the view can have, where [`flipped`] gives one that it cannot.
fn possible(column: &str) -> Option<&'static str> {
    match column {
        "parent" => Some("zeroblob(16)"),
        "payload_commitment" => Some("zeroblob(32)"),
        _ => None,
    }
}

/// Changes each column of each table that `of` selects, and checks that verification finds each change.
fn flip_all(world: &World, rows: &[u64], of: impl Fn(&str) -> bool) -> usize {
    world.verify().expect("nothing is wrong");
    let raw = world.raw();
    let mut tried = 0;
    for table in ["entries"].iter().chain(EVIDENCE).copied().filter(|table| of(table)) {
        let columns = names(&raw, &format!("SELECT name || ' ' || type FROM pragma_table_info('{table}')"));
        for column in
            columns.iter().filter(|column| !FREE.iter().any(|free| format!("{table}.{column}").starts_with(free)))
        {
            let (column, declared) = column.split_once(' ').expect("a type");
            for row in rows {
                world.wrong_after(&flip(&raw, table, column, declared, *row));
                tried += 1;
            }
        }
    }
    tried
}

#[test]
fn a_change_of_any_column_of_an_entry_is_found() {
    let world = World::new(300, 0);
    assert!(ROWS.iter().map(|row| flip_all(&world, &[*row], |table| table == "entries")).sum::<usize>() >= 3 * 52);
}

/// Every byte of rows and of common columns, in three of its bits.
#[test]
fn a_change_of_any_byte_of_a_row_is_found() {
    let world = World::new(300, 0);
    let (raw, mut tried) = (world.raw(), 0);
    for (table, row) in [("entry", "seq = 0"), ("entry", "seq = 150"), ("entry", "seq = 302"), ("common", "number = 2")]
    {
        let bytes = format!("SELECT fields FROM {table} WHERE {row}");
        let bytes: Vec<u8> = raw.query_row(&bytes, [], |found| found.get(0)).expect("a row");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= [1, 0x10, 0x80][place % 3];
            let hex: String = changed.iter().map(|byte| format!("{byte:02x}")).collect();
            world.wrong_after(&format!("UPDATE {table} SET fields = x'{hex}' WHERE {row}"));
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
}

#[test]
fn a_change_of_any_column_beside_the_entries_is_found() {
    assert!(flip_all(&World::new(300, 0), &ROWS, |table| !["entry", "entries"].contains(&table)) > 100);
}

#[test]
fn a_change_is_found_after_a_cleanup_as_well() {
    let world = World::new(300, 100);
    assert!(flip_all(&world, &[1], |table| !["entry", "entries", "head"].contains(&table)) > 25);
    for sql in ["pruned = 101", "pruned = 99", "payloads_pruned = 140", "payloads_pruned = 155", "size = 304"] {
        world.wrong_after(&format!("UPDATE head SET {sql}"));
    }
}

/// Payloads of remaining entries are removed, and entries of earlier cleanups too.
#[test]
fn a_change_is_found_after_several_cleanups_as_well() {
    let world = World::cleaned(400, &[60, 130, 131, 220]);
    assert!(flip_all(&world, &[0, 2], |table| !["entry", "entries", "head"].contains(&table)) > 50);
    assert!(flip_all(&world, &[1], |table| table == "entries") >= 52);
    for sql in [
        "pruned = 221",
        "pruned = 219",
        "payloads_pruned = 220",
        "payloads_pruned = payloads_pruned + 1",
        "payloads_pruned = payloads_pruned - 1",
    ] {
        world.wrong_after(&format!("UPDATE head SET {sql}"));
    }
    for sql in [
        "DELETE FROM payload WHERE seq = (SELECT min(seq) FROM payload)",
        "DELETE FROM payload WHERE seq = (SELECT max(seq) FROM payload)",
        "UPDATE head SET payloads_pruned = 400; DELETE FROM payload WHERE seq < 400",
    ] {
        world.wrong_after(sql);
    }
}

/// A body without its compression, in which some bits have no meaning.
fn unpacked(value: Sql) -> Sql {
    match value {
        Sql::Blob(bytes) => Packed::Frame(bytes.clone()).unpack().map_or(Sql::Blob(bytes), Sql::Text),
        other => other,
    }
}

/// All data that can be read from a log.
fn dump(raw: &Connection) -> rusqlite::Result<Vec<Vec<Sql>>> {
    let mut all = Vec::new();
    for table in EVIDENCE.iter().copied() {
        let columns = if table == "head" { "pruned, payloads_pruned, sweeping, erasing, size, root" } else { "*" };
        let mut statement = raw.prepare(&format!("SELECT {columns} FROM {table} ORDER BY {}", key(table)))?;
        let count = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..count).map(|at| row.get(at).map(unpacked)).collect::<rusqlite::Result<Vec<Sql>>>()
        };
        all.extend(statement.query_map([], row)?.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(all)
}

/// If a byte of the file is changed, either the change is reported, or all data that can be read is the same.
#[test]
fn a_change_of_any_byte_of_the_file_is_found_or_changes_nothing() {
    let world = World::new(300, 0);
    let whole = dump(&world.raw()).expect("read");
    let bytes = fs::read(world.file()).expect("the file");
    let (mut found, mut place) = (0, 7_919);
    for _ in 0..120 {
        place = (place * 48_271 + 11) % bytes.len();
        let copy = world.copy();
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        fs::write(copy.file(), &changed).expect("written");
        match copy.verify() {
            Err(VerifyError::Wrong(_)) => found += 1,
            Err(error) => panic!("{place}: it could be read before: {error}"),
            Ok(_) => {
                let after = dump(&copy.raw()).expect("read");
                let other = after.iter().zip(&whole).find(|(after, whole)| after != whole);
                assert!(after.len() == whole.len() && other.is_none(), "missed: byte {place}: {other:?}");
            }
        }
    }
    assert!(found > 30, "{found}");
}
