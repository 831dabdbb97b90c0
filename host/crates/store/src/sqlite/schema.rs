//! Whether the file's schema is the one that the migrations make. A process that can write the file can drop a trigger
//! and then edit entries, or add a trigger that runs in the server. This check finds both.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::SqlContext;
use mcp_audit_log_index::StoreError;

/// What SQLite itself may add, and how it makes it: the statistics of an `ANALYZE`. Its indexes for keys are in the
/// model too.
const OWN: &[(&str, &str)] = &[
    ("sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    ("sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
];

/// A row of the schema: its type and name ("trigger entry_no_update"), its table, and its statement.
struct SchemaRow {
    name: String,
    of: String,
    sql: String,
}

/// The tables, indexes and triggers that differ from those of these migrations.
pub(super) fn changed(connection: &Connection, migrations: &[&str]) -> Result<Option<String>, StoreError> {
    let doing = "checking the log's schema";
    let model = Connection::open_in_memory().context(doing)?;
    migrations.iter().try_for_each(|sql| model.execute_batch(sql)).context(doing)?;
    let mut expected: BTreeMap<_, _> =
        rows(&model).context(doing)?.into_iter().map(|made| (made.name, (made.of, made.sql))).collect();
    let mut differences = Vec::new();
    for SchemaRow { name, of, sql } in rows(connection).context(doing)? {
        match expected.remove(&name) {
            Some(as_made) if as_made == (of.clone(), sql.clone()) => {}
            Some(_) => differences.push(format!("{name} was changed")),
            None if is_own(&name, &of, &sql) => {}
            // A second one of a name that there is may only be one.
            None => differences.push(format!("{name} was added")),
        }
    }
    differences.extend(expected.into_keys().map(|name| format!("{name} is missing")));
    Ok((!differences.is_empty()).then(|| differences.join(", ")))
}

/// SQLite interprets only the statement and ignores the other columns of the row, so the statement must match as well.
fn is_own(name: &str, of: &str, sql: &str) -> bool {
    OWN.iter().any(|(table, made)| name == format!("table {table}") && of == *table && sql == *made)
}

/// Every row, whatever its name. A missing text counts as an empty one, which no migration writes.
fn rows(connection: &Connection) -> rusqlite::Result<Vec<SchemaRow>> {
    let sql = "SELECT coalesce(type, '?') || ' ' || coalesce(name, '?'), coalesce(tbl_name, '?'), coalesce(sql, '')
        FROM sqlite_schema";
    let made = |row: &rusqlite::Row<'_>| Ok(SchemaRow { name: row.get(0)?, of: row.get(1)?, sql: row.get(2)? });
    connection.prepare(sql)?.query_map([], made)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        drop(crate::open(folder.path()).expect("a log"));
        let raw = Connection::open(folder.path().join("mcp-audit-log.db")).expect("a raw connection");
        (folder, raw)
    }

    fn refused(folder: &tempfile::TempDir) -> Option<String> {
        crate::open(folder.path()).map(drop).err().map(|error| error.to_string())
    }

    /// SQLite refuses to create such names, but accepts them when the schema table itself is written.
    #[test]
    fn nothing_that_is_called_like_sqlites_own_gets_in() {
        let evil = "AFTER INSERT ON entry BEGIN SELECT 1; END";
        for (kind, name, of, sql) in [
            ("trigger", "sqlite_x", "entry", format!("CREATE TRIGGER sqlite_x {evil}")),
            ("trigger", "sqlite_stat1", "entry", format!("CREATE TRIGGER sqlite_stat1 {evil}")),
            ("trigger", "sqlite_autoindex_entry_1", "entry", format!("CREATE TRIGGER sqlite_autoindex_entry_1 {evil}")),
            // SQLite runs the statement, whatever kind the row says that it is.
            ("index", "sqlite_autoindex_entry_9", "entry", format!("CREATE TRIGGER sqlite_autoindex_entry_9 {evil}")),
            ("table", "sqlite_stat1", "sqlite_stat1", format!("CREATE TRIGGER sqlite_stat1 {evil}")),
            ("view", "sqlite_v", "sqlite_v", "CREATE VIEW sqlite_v AS SELECT * FROM entry".to_owned()),
            ("view", "sqlite_stat4", "sqlite_stat4", "CREATE VIEW sqlite_stat4 AS SELECT 1".to_owned()),
        ] {
            let (folder, raw) = log();
            let insert = "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES (?1, ?2, ?3, 0, ?4)";
            raw.execute_batch("PRAGMA writable_schema = ON").expect("on");
            raw.execute(insert, [kind, name, of, sql.as_str()]).expect(name);
            drop(raw);
            let error = refused(&folder).unwrap_or_default();
            // SQLite itself refuses what calls itself an index and is none.
            let is_refused = error.contains(&format!("{kind} {name} was added")) || error.contains("malformed");
            assert!(is_refused, "{kind} {name}: {error}");
            let found = crate::verify(folder.path(), &[], &|_, _, _| {});
            assert!(matches!(found, Err(crate::VerifyError::Wrong(_))), "{kind} {name}: {found:?}");
        }
    }

    #[test]
    fn a_second_row_of_a_known_name_is_seen() {
        let (folder, raw) = log();
        raw.execute_batch(
            "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT type, name, tbl_name, rootpage,
            replace(sql, 'RAISE(ABORT', 'RAISE(IGNORE') FROM sqlite_schema WHERE name = 'entry_no_update'",
        )
        .expect("written");
        drop(raw);
        assert!(refused(&folder).is_some_and(|error| error.contains("trigger entry_no_update")));
    }

    #[test]
    fn statistics_of_sqlites_own_are_let_through() {
        let (folder, raw) = log();
        raw.execute_batch("ANALYZE").expect("ran");
        let made = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'";
        assert_eq!(raw.query_row(made, [], |row| row.get::<_, u64>(0)).expect("read"), 1);
        drop(raw);
        assert_eq!(refused(&folder), None);
    }
}
