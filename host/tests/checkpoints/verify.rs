//! Every column of what is kept about checkpoints, changed: verification finds each.

use std::path::Path;

use mcp_audit::store::{VerifyError, verify};
use mcp_audit::time::DAY;
use rusqlite::Connection;

use crate::world::{clock, open, record};

/// Runs `sql` without triggers in the way, and puts them back.
fn tamper(folder: &Path, sql: &str) {
    let raw = Connection::open(folder.join("mcp-audit.db")).expect("a raw connection");
    let sorted = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let triggers: Vec<(String, String)> =
        raw.prepare(sorted).and_then(|mut found| found.query_map([], read)?.collect()).expect("triggers");
    let dropped: String = triggers.iter().map(|(name, _)| format!("DROP TRIGGER {name};")).collect();
    let made: String = triggers.iter().map(|(_, sql)| format!("{sql};")).collect();
    raw.execute_batch("PRAGMA ignore_check_constraints = ON").expect("off");
    raw.execute_batch(&format!("{dropped} {sql}; {made}")).expect(sql);
}

#[tokio::test]
async fn every_change_of_a_checkpoint_or_key_is_found() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    for tool in ["a", "b", "c"] {
        record(&log, tool).await;
        log.sign().expect("signed");
        clock.advance(DAY);
    }
    log.close();
    drop(log);
    let verified = verify(folder.path(), &|_, _, _| {}).expect("whole");
    assert!(verified.checks.contains(&("checkpoints", 3)), "{:?}", verified.checks);
    for sql in [
        "UPDATE checkpoint SET note = replace(note, '3', '4') WHERE number = 2",
        "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE number = 1) WHERE number = 2",
        "UPDATE checkpoint SET note = replace(note, char(10), char(13)) WHERE number = 3",
        "UPDATE checkpoint SET size = size + 1 WHERE number = 1",
        "UPDATE checkpoint SET signed_at = signed_at + 1000000 WHERE number = 3",
        "UPDATE checkpoint SET link = zeroblob(32) WHERE number = 2",
        "UPDATE checkpoint SET link = x'' WHERE number = 3",
        "DELETE FROM checkpoint WHERE number = 2",
        "UPDATE verifier SET vkey = replace(vkey, 'mcp-audit', 'mcp-audix')",
        "DELETE FROM verifier",
    ] {
        let copy = tempfile::tempdir().expect("a folder");
        std::fs::copy(folder.path().join("mcp-audit.db"), copy.path().join("mcp-audit.db")).expect("copied");
        tamper(copy.path(), sql);
        match verify(copy.path(), &|_, _, _| {}) {
            Err(VerifyError::Wrong(wrong)) => assert_eq!(wrong.check, "checkpoints", "{sql}: {wrong}"),
            other => panic!("missed: {sql}: {other:?}"),
        }
    }
}
