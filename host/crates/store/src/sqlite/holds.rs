//! Legal holds in the database.

use rusqlite::{Connection, Row, Transaction, params};
use uuid::Uuid;

use super::states::time;
use super::{Doing, Files};
use crate::StoreError;
use mcp_audit_log_contract::hold::{self, Hold, HoldChange, Release};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_model::time::Timestamp;

pub(super) fn write(transaction: &Transaction<'_>, change: &HoldChange) -> rusqlite::Result<()> {
    match change {
        HoldChange::Place(hold) => place(transaction, hold),
        HoldChange::Release(id, release) => self::release(transaction, *id, release),
    }
}

fn place(transaction: &Transaction<'_>, hold: &Hold) -> rusqlite::Result<()> {
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
    transaction.execute(sql, row).map(drop)
}

fn release(transaction: &Transaction<'_>, id: Uuid, release: &Release) -> rusqlite::Result<()> {
    let sql = "UPDATE hold SET released_by = ?2, released_at = ?3, release_reason = ?4
        WHERE id = ?1 AND released_at IS NULL";
    let row = params![id.as_bytes().as_slice(), release.by, release.at.as_micros(), release.reason];
    transaction.execute(sql, row).map(drop)
}

/// What of `plan` the holds let go. Read in the very transaction that removes, so that nothing gets past a hold,
/// whoever asks for it.
pub(super) fn cut(transaction: &Transaction<'_>, plan: Plan) -> rusqlite::Result<Plan> {
    held_from(transaction).map(|held| hold::cut(plan, held))
}

fn held_from(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let sql = "SELECT min(starts) FROM hold WHERE released_at IS NULL";
    connection.query_row(sql, [], |row| time(row, 0))
}

impl Files {
    /// Every hold that was ever placed, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        let sql = "SELECT id, starts, ends, reason, placed_by, placed_at, released_by, released_at, release_reason
            FROM hold ORDER BY placed_at DESC, id DESC";
        self.read(|connection| {
            let mut statement = connection.prepare(sql).doing("reading holds")?;
            statement.query_map([], hold).and_then(Iterator::collect).doing("reading holds")
        })
    }

    /// The moment of recording from which on everything is held.
    ///
    /// # Errors
    /// The database fails.
    pub fn held_from(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| held_from(connection).doing("reading holds"))
    }
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
