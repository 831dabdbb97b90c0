//! Legal holds in the database.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::snapshot::SqliteSnapshot;
use super::states::time;
use mcp_audit_log_contract::hold::{Hold, HoldChange, Release};
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::time::Timestamp;

pub(super) fn write(connection: &Connection, change: &HoldChange) -> rusqlite::Result<()> {
    match change {
        HoldChange::Place(hold) => place(connection, hold),
        HoldChange::Release(id, release) => self::release(connection, *id, release),
    }
}

fn place(connection: &Connection, hold: &Hold) -> rusqlite::Result<()> {
    // A batch whose outcome was unknown comes once more.
    let sql = "INSERT INTO hold (id, starts, ends, reason, placed_by, placed_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6
        WHERE NOT EXISTS (SELECT 1 FROM hold WHERE id = ?1)";
    let row = params![
        hold.id.as_bytes().as_slice(),
        hold.from.as_micros(),
        hold.to.map(Timestamp::as_micros),
        hold.reason,
        hold.placed_by,
        hold.placed_at.as_micros()
    ];
    connection.execute(sql, row).map(drop)
}

fn release(connection: &Connection, id: Uuid, release: &Release) -> rusqlite::Result<()> {
    let sql = "UPDATE hold SET released_by = ?2, released_at = ?3, release_reason = ?4
        WHERE id = ?1 AND released_at IS NULL";
    let row = params![id.as_bytes().as_slice(), release.by, release.at.as_micros(), release.reason];
    connection.execute(sql, row).map(drop)
}

/// Every hold that was ever placed, the newest first.
pub(super) fn holds(log: &SqliteSnapshot<'_>) -> Result<Vec<Hold>, StoreError> {
    let sql = "SELECT id, starts, ends, reason, placed_by, placed_at, released_by, released_at, release_reason
        FROM hold ORDER BY placed_at DESC, id DESC";
    log.all(sql, "reading holds", hold)
}

fn hold(row: &Row<'_>) -> rusqlite::Result<Hold> {
    let (by, reason): (Option<String>, Option<String>) = (row.get(6)?, row.get(8)?);
    let released = by.zip(time(row, 7)?).zip(reason).map(|((by, at), reason)| Release { by, at, reason });
    Ok(Hold {
        id: Uuid::from_bytes(row.get(0)?),
        from: Timestamp::from_micros(row.get(1)?),
        to: time(row, 2)?,
        reason: row.get(3)?,
        placed_by: row.get(4)?,
        placed_at: Timestamp::from_micros(row.get(5)?),
        released,
    })
}
