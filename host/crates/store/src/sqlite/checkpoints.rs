//! Checkpoints in the file: they are stored in order, and after some days only the first of each day is kept.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqlContext;
use super::snapshot::SqliteSnapshot;
use mcp_audit_log_index::{
    CheckpointChange, CheckpointQuery, CheckpointTime, DestinationState, NEWEST_CHECKPOINTS, NewCheckpoint, StoreError,
    StoredCheckpoint,
};
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::time::Timestamp;

pub(super) const COLUMNS: &str = "SELECT number, size, signed_at, note, archived, link FROM checkpoint";
const DOING: &str = "reading checkpoints";

/// Stores a change. If a commit seemed to fail but was stored, the same change is made again and has no effect.
pub(super) fn write(connection: &Connection, change: &CheckpointChange) -> rusqlite::Result<()> {
    match change {
        CheckpointChange::Signed(checkpoint) => insert(connection, checkpoint),
        CheckpointChange::Key(vkey, since) => {
            let sql = "INSERT INTO verifier (vkey, since)
                SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM verifier WHERE vkey = ?1)";
            connection.execute(sql, params![vkey, since.as_micros()]).map(drop)
        }
        CheckpointChange::Destination(DestinationState { name, number, failing }) => {
            let sql = "INSERT INTO place (name, number, failing) VALUES (?1, ?2, ?3)
                ON CONFLICT (name) DO UPDATE SET number = excluded.number, failing = excluded.failing";
            connection.execute(sql, params![name, number, failing]).map(drop)
        }
        CheckpointChange::Clock => {
            let sql = "INSERT INTO clock (number) SELECT max(number) FROM checkpoint
                WHERE NOT EXISTS (SELECT 1 FROM clock WHERE number = (SELECT max(number) FROM checkpoint))";
            connection.execute(sql, []).map(drop)
        }
    }
}

fn insert(connection: &Connection, checkpoint: &NewCheckpoint) -> rusqlite::Result<()> {
    let NewCheckpoint { size, signed_at, note, link } = checkpoint;
    let newest = format!("{COLUMNS} ORDER BY number DESC LIMIT 1");
    let newest = connection.prepare_cached(&newest)?.query_row([], stored).optional()?;
    if newest.as_ref().is_some_and(|newest| newest.checkpoint == *checkpoint) {
        return Ok(());
    }
    let number = newest.map_or(0, |newest| newest.number) + 1;
    let sql = "INSERT INTO checkpoint (number, size, signed_at, note, archived, link) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let proof = link.as_ref().map(|link| link.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<_>>());
    connection.execute(sql, params![number, size, signed_at.as_micros(), note, link.is_some(), proof])?;
    let thin = "DELETE FROM checkpoint WHERE archived = 0 AND number <= ?1";
    connection.execute(thin, [number.saturating_sub(NEWEST_CHECKPOINTS)]).map(drop)
}

/// Checkpoints by their numbers.
pub(super) fn checkpoints(
    log: &SqliteSnapshot<'_>,
    query: &CheckpointQuery,
) -> Result<Vec<StoredCheckpoint>, StoreError> {
    let archived = if query.archived { "archived = 1 AND" } else { "" };
    let order = if query.oldest_first { "ASC" } else { "DESC" };
    let sql = format!("{COLUMNS} WHERE {archived} number < ?1 AND size >= ?2 ORDER BY number {order} LIMIT ?3");
    let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let below = query.below.map_or(i64::MAX, bound);
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let mut statement = log.connection.prepare_cached(&sql).context(DOING)?;
    let rows = statement.query_map(params![below, bound(query.size.start), limit], stored);
    rows.and_then(Iterator::collect).context(DOING)
}

/// The number, size and time of every stored checkpoint, newest first.
pub(super) fn checkpoint_times(log: &SqliteSnapshot<'_>) -> Result<Vec<CheckpointTime>, StoreError> {
    let mark = |row: &Row<'_>| {
        Ok(CheckpointTime { number: row.get(0)?, size: row.get(1)?, signed_at: Timestamp::from_micros(row.get(2)?) })
    };
    log.all("SELECT number, size, signed_at FROM checkpoint ORDER BY number DESC", DOING, mark)
}

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredCheckpoint> {
    let archived: bool = row.get(4)?;
    let link: Option<Vec<u8>> = row.get(5)?;
    let hashes = |link: Vec<u8>| link.chunks_exact(32).filter_map(Hash::from_slice).collect();
    let checkpoint = NewCheckpoint {
        size: row.get(1)?,
        signed_at: Timestamp::from_micros(row.get(2)?),
        note: row.get(3)?,
        link: archived.then(|| link.map_or_else(Vec::new, hashes)),
    };
    Ok(StoredCheckpoint { number: row.get(0)?, checkpoint })
}
