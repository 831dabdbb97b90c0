//! Removed, forged, swapped and moved rows, and what verification names for each.

use super::support::{MORE, World};
use crate::{NOT_PROVED, VerifyError, verify};
use mcp_audit_log_index::StoreError;

#[test]
fn a_log_that_is_whole_is_verified() {
    for pruned in [0, 1, 64, 255, 256, 257, 300, 512, 513, 599, 600] {
        let world = World::new(600, pruned);
        let found = world.verify().unwrap_or_else(|error| panic!("{pruned}: {error}"));
        assert_eq!((found.first, found.head.size), (pruned, 600 + MORE));
        let looked = |name: &str| found.checks.iter().find(|check| check.0 == name).map(|check| check.1);
        assert_eq!(looked("entries"), Some(600 + MORE - pruned));
        assert_eq!(looked("settings"), Some(1));
        assert_eq!(looked("holds"), Some(2));
        assert!(!NOT_PROVED.is_empty() && looked("file") > Some(0));
    }
}

/// The forged numbers fit each other, so the ledger matches too. A data structure with an item for each number would
/// need a terabyte.
#[test]
fn a_huge_number_in_the_dictionary_is_named() {
    let world = World::new(300, 0);
    for number in ["1 << 40", "1 << 61"] {
        let sql = format!(
            "UPDATE term SET id = id + ({number}) WHERE field = {field}; UPDATE entries SET session = session + ({number})",
            field = mcp_audit_log_model::field::Field::Session as i64
        );
        let wrong = world.wrong_after(&sql);
        assert_eq!((wrong.check, wrong.at.as_str()), ("dictionary", "term.id"), "{wrong}");
    }
}

/// A change, and the table and `seq` that verification must name.
const DONE: &[(&str, &str, Option<u64>)] = &[
    ("DELETE FROM entries WHERE seq = 0", "head", None),
    ("DELETE FROM entries WHERE seq = 77", "entry", Some(77)),
    ("DELETE FROM entries WHERE seq >= 500", "head.size", Some(500)),
    ("DELETE FROM entries WHERE seq = 607", "head.size", Some(607)),
    ("DELETE FROM entries", "head.size", Some(0)),
    ("UPDATE entries SET user = (SELECT user FROM entries WHERE seq = 78) WHERE seq = 80", "entry", Some(80)),
    ("UPDATE entries SET id = (SELECT id FROM entries WHERE seq = 78) WHERE seq = 79", "entry", Some(79)),
    ("UPDATE entries SET tool = NULL WHERE seq = 301", "entry", Some(301)),
    ("UPDATE entries SET recorded_at = 0 WHERE seq = 301", "entry.recorded_at", Some(301)),
    ("UPDATE entries SET version = 2 WHERE seq = 5", "entry.version", Some(5)),
    (
        "UPDATE entries SET seq = 9999 WHERE seq = 10; UPDATE entries SET seq = 10 WHERE seq = 11;
        UPDATE entries SET seq = 11 WHERE seq = 9999",
        "entry",
        Some(10),
    ),
    (
        "CREATE TEMP TABLE one AS SELECT * FROM entries WHERE seq = 9; UPDATE one SET seq = 608;
        INSERT INTO entries SELECT * FROM one",
        "head.size",
        Some(608),
    ),
    (
        "CREATE TEMP TABLE one AS SELECT * FROM entries WHERE seq = 9; UPDATE one SET seq = 608;
        INSERT INTO entries SELECT * FROM one; UPDATE head SET size = 609",
        "tile",
        None,
    ),
    ("UPDATE entry SET fields = substr(fields, 1, length(fields) - 1) WHERE seq = 44", "entry", Some(44)),
    ("UPDATE entry SET fields = CAST(fields || x'00' AS BLOB) WHERE seq = 44", "entry", Some(44)),
    ("DELETE FROM common WHERE number = 1", "entry", Some(0)),
    ("UPDATE common SET number = number + 50", "entry", Some(0)),
    ("INSERT INTO common SELECT first, 99, fields FROM common WHERE number = 1", "common", None),
    ("INSERT INTO common SELECT 1024, number, fields FROM common WHERE number = 1", "common", None),
    ("DELETE FROM entry_id WHERE seq = 600", "entry_id", Some(600)),
    ("UPDATE entry_id SET seq = 601 WHERE seq = 600", "entry_id", Some(600)),
    ("INSERT INTO entry_id VALUES (zeroblob(16), 90)", "entry_id", None),
    ("DELETE FROM id_part WHERE place = 512", "block and chunk", Some(64)),
    ("UPDATE id_part SET ids = substr(ids, 1, 40) WHERE place = 512", "block and chunk", Some(64)),
    (
        "REPLACE INTO id_part SELECT p.place, o.ids FROM id_part p JOIN id_part o ON o.place = p.place + 512
        WHERE p.place = 512",
        "block and id_part",
        Some(64),
    ),
    ("DELETE FROM other_id WHERE seq = 73", "block and id_part", Some(64)),
    ("UPDATE other_id SET seq = 74 WHERE seq = 73", "block and id_part", Some(64)),
    ("INSERT INTO other_id VALUES (zeroblob(16), 90)", "other_id", None),
    ("INSERT INTO id_part SELECT 9999999, ids FROM id_part WHERE place = 512", "id_part", None),
    ("UPDATE block SET ids = zeroblob(52) WHERE first = 64", "block and chunk", Some(64)),
    ("DELETE FROM tile WHERE level = 0 AND number = 1", "tile", Some(256)),
    ("DELETE FROM tile WHERE level = 1", "tile", None),
    ("DELETE FROM tile", "tile", None),
    ("INSERT INTO tile VALUES (0, 3, zeroblob(32))", "tile", None),
    ("INSERT INTO tile VALUES (2, 0, zeroblob(32))", "tile", None),
    ("UPDATE tile SET number = number + 5 WHERE level = 0", "tile", None),
    ("UPDATE tile SET hashes = substr(hashes, 1, 32) WHERE level = 0 AND number = 2", "tile", None),
    ("UPDATE head SET root = zeroblob(32)", "tile", None),
    ("DELETE FROM head", "head", None),
    ("INSERT INTO head (one, pruned, payloads_pruned) VALUES (2, 0, 0)", "head", None),
    ("UPDATE head SET pruned = 10, payloads_pruned = 10", "head", None),
    ("UPDATE head SET pruned = 10, payloads_pruned = 10; DELETE FROM entries WHERE seq < 10", "payload", Some(0)),
    ("UPDATE head SET payloads_pruned = 10", "payload", Some(0)),
    ("DELETE FROM payload WHERE seq = 100", "payload", Some(100)),
    ("DELETE FROM payload", "payload", Some(0)),
    ("UPDATE payload SET request = '[]' WHERE seq = 100", "payload", Some(100)),
    ("UPDATE payload SET request = NULL WHERE seq = 100", "payload", Some(100)),
    ("UPDATE payload SET seq = 101 WHERE seq = 100", "payload", Some(101)),
    (
        "UPDATE payload SET seq = 9999 WHERE seq = 100; UPDATE payload SET seq = 100 WHERE seq = 105;
        UPDATE payload SET seq = 105 WHERE seq = 9999",
        "payload",
        Some(100),
    ),
    (
        "INSERT INTO payload SELECT 101, salt, request, response, notes FROM payload WHERE seq = 100",
        "payload",
        Some(101),
    ),
    (
        "INSERT INTO payload SELECT 99999, salt, request, response, notes FROM payload WHERE seq = 100",
        "payload",
        Some(99_999),
    ),
    ("DELETE FROM term WHERE id = 1 AND field = 4", "the file", None),
    ("UPDATE term SET text = 'x' || text", "entry", Some(0)),
    ("INSERT INTO term VALUES (4, 99, 'mcp')", "term", None),
    ("INSERT INTO term SELECT field, 99, text FROM term WHERE field = 4 LIMIT 1", "term.text", None),
    ("INSERT INTO term VALUES (60, 1, 'mcp')", "term.field", None),
    ("UPDATE term SET id = id + 50 WHERE field = 8", "the file", None),
    ("DELETE FROM block WHERE first = 0", "block and chunk", Some(64)),
    ("DELETE FROM block WHERE first = 512", "block", Some(512)),
    ("DELETE FROM block; DELETE FROM chunk", "block", Some(0)),
    ("DELETE FROM chunk WHERE place = 8", "block and chunk", Some(0)),
    (
        "REPLACE INTO chunk SELECT c.place, o.zone, o.planes FROM chunk c JOIN chunk o ON o.place = c.place + 64
        WHERE c.place = 2",
        "chunk, of occurred_at",
        Some(0),
    ),
    ("INSERT INTO chunk SELECT 9999999, zone, planes FROM chunk WHERE place = 8", "chunk", None),
    ("DELETE FROM setting", "setting", None),
    ("UPDATE setting SET value = '1'", "setting", None),
    ("INSERT INTO setting VALUES ('log_payloads', 'true')", "setting", None),
    ("DELETE FROM hold", "hold", None),
    (
        "INSERT INTO hold SELECT zeroblob(16), starts, ends, reason, placed_by, placed_at, NULL, NULL, NULL FROM hold LIMIT 1",
        "hold",
        None,
    ),
    ("UPDATE hold SET released_by = 'x', released_at = 1, release_reason = 'x'", "hold", None),
    ("DELETE FROM checkpoint", "checkpoint", None),
    ("DELETE FROM checkpoint WHERE number = 1", "checkpoint", None),
    ("DELETE FROM verifier WHERE vkey LIKE 'log/time+%'", "verifier", None),
    // As a cleanup would leave it, without one.
    (
        "UPDATE head SET pruned = 10, payloads_pruned = 10; DELETE FROM entries WHERE seq < 10;
        DELETE FROM payload WHERE seq < 10",
        "head.pruned",
        Some(10),
    ),
    ("DELETE FROM payload WHERE seq < 10; UPDATE head SET payloads_pruned = 10", "head.payloads_pruned", Some(10)),
    ("CREATE TABLE more (x)", "the schema", None),
    ("DROP INDEX term_text", "the schema", None),
    ("PRAGMA user_version = 9", "the file", None),
];

#[test]
fn rows_that_are_gone_forged_or_elsewhere_are_named() {
    let world = World::new(600, 0);
    let mut others = Vec::new();
    for (sql, at, seq) in DONE {
        let wrong = world.wrong_after(sql);
        if wrong.at != *at || (seq.is_some() && wrong.seq != *seq) {
            others.push(format!("{sql}\n    {wrong}"));
        }
    }
    assert!(others.is_empty(), "something else is named:\n{}", others.join("\n"));
}

/// A cleanup signs its intent before it removes anything, so that an intent cannot be forged afterwards.
#[test]
fn a_cleanup_whose_intent_nobody_signed_is_named() {
    let wrong = World::new(300, 100).wrong_after("DELETE FROM checkpoint WHERE number = 2");
    assert_eq!((wrong.check, wrong.at.as_str()), ("checkpoints", "head.pruned"), "{wrong}");
}

#[test]
fn a_safeguard_that_is_gone_is_named() {
    let world = World::new(600, 0);
    world.raw().execute_batch("DROP TRIGGER entry_no_update").expect("dropped");
    let error = world.verify().expect_err("found").to_string();
    assert!(error.contains("trigger entry_no_update is missing"), "{error}");
}

/// An erasure is evidence only together with its entry, which cannot be forged afterwards.
#[test]
fn a_payload_is_missed_unless_its_erasure_was_recorded() {
    let world = World::new(600, 0);
    let wrong = world.wrong_after("DELETE FROM payload WHERE seq = 585");
    assert_eq!((wrong.at.as_str(), wrong.seq), ("payload", Some(585)));
    assert!(
        !world
            .raw()
            .query_row("SELECT count(*) FROM payload WHERE seq = ?1", [590], |row| row.get::<_, bool>(0))
            .expect("read")
    );
}

#[test]
fn what_cannot_be_read_is_not_called_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = verify(folder.path(), &[], &|_, _, _| {}).expect_err("nothing there");
    assert!(matches!(error, VerifyError::Unread(StoreError::Missing(_))), "{error}");
    std::fs::write(folder.path().join("mcp-audit-log.db"), "no database at all".repeat(100)).expect("written");
    assert!(matches!(verify(folder.path(), &[], &|_, _, _| {}), Err(VerifyError::Wrong(_))));
}
