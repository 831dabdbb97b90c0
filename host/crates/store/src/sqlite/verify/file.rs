//! The database file: its pages, its safeguards, its one head.

use super::super::{SqlContext, connection, schema};
use super::{Fault, Subject, wrong};

const DOING: &str = "checking the file";

/// SQLite's own check: pages, types, constraints, and whether each B-tree index agrees with its table.
pub(super) fn pages(subject: &Subject<'_>) -> Result<u64, Fault> {
    let found: String =
        subject.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).context(DOING)?;
    if found != "ok" {
        return Err(wrong("the file", None, found));
    }
    Ok(subject.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).context(DOING)?)
}

/// Whether tables, indexes and triggers are those of this version.
pub(super) fn safeguards(subject: &Subject<'_>) -> Result<u64, Fault> {
    if !connection::is_ours(subject.connection)? {
        return Err(wrong("the file", None, "it is not a log of this version of mcp-audit-log"));
    }
    match schema::changed(subject.connection, connection::MIGRATIONS)? {
        Some(changed) => Err(wrong("the schema", None, changed)),
        None => Ok(1),
    }
}

/// Whether there is exactly one head, and its values are possible.
pub(super) fn head(subject: &Subject<'_>) -> Result<u64, Fault> {
    if let Some(wrong_end) = connection::misplaced(subject.connection)? {
        return Err(wrong("head", None, wrong_end));
    }
    let keys = "SELECT count(*), max(one) FROM head";
    let keys: (i64, i64) =
        subject.connection.query_row(keys, [], |row| Ok((row.get(0)?, row.get(1)?))).context(DOING)?;
    if keys != (1, 1) {
        return Err(wrong("head", None, "there is more than one head, or it has the wrong id"));
    }
    let sql = "SELECT pruned, payloads_pruned, sweeping, erasing IS NULL, size,
        coalesce((SELECT max(seq) + 1 FROM entry), pruned) FROM head";
    let row = |row: &rusqlite::Row<'_>| {
        let number = |at: usize| row.get::<_, i64>(at);
        Ok([number(0)?, number(1)?, number(2)?, number(3)?, number(4)?, number(5)?])
    };
    let [pruned, payloads, sweeping, not_erasing, size, next] =
        subject.connection.query_row(sql, [], row).context(DOING)?;
    if (sweeping, not_erasing) != (0, 1) {
        return Err(wrong("head", None, "a removal is marked as unfinished"));
    }
    if pruned < 0 || !(pruned..=next).contains(&payloads) {
        return Err(wrong("head.payloads_pruned", None, format!("{payloads} is not from {pruned} to {next}")));
    }
    if size != next {
        let what = format!("the ledger has {size} entries, but the last stored entry has seq {}", next - 1);
        return Err(wrong("head.size", Some(size.min(next).unsigned_abs()), what));
    }
    Ok(1)
}
