//! Where in the log a moment lies. Recording times never go back, so it is found by halving and not by reading.

use rusqlite::{Connection, OptionalExtension};

use super::{Doing, Files};
use crate::StoreError;
use mcp_audit_log_model::time::Timestamp;

impl Files {
    /// The places of the log: its first entry's, and the one after its last.
    ///
    /// # Errors
    /// The database fails.
    pub fn places(&self) -> Result<std::ops::Range<u64>, StoreError> {
        self.read(|connection| places(connection).doing("finding the ends of the log"))
    }

    /// Where the cleanups have brought the log: the places of the first entry, and of the first payload, that may be there.
    ///
    /// # Errors
    /// The database fails.
    pub fn prune_points(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT pruned, payloads_pruned FROM head";
        let points = |connection: &Connection| connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        self.read(|connection| points(connection).doing("finding what was removed"))
    }

    /// The place of the first entry that was recorded at or after `moment`; the next free one when there is none.
    ///
    /// # Errors
    /// The database fails.
    pub fn place_at(&self, moment: Timestamp) -> Result<u64, StoreError> {
        self.read(|connection| place_at(connection, moment).doing("finding a moment in the log"))
    }
}

/// The log's first entry's place, and the one after its last.
pub(super) fn places(connection: &Connection) -> rusqlite::Result<std::ops::Range<u64>> {
    let sql = "SELECT (SELECT min(seq) FROM entry), (SELECT max(seq) + 1 FROM entry), pruned FROM head";
    connection.prepare_cached(sql)?.query_row([], |row| {
        let pruned: i64 = row.get(2)?;
        let place = |at: usize| row.get::<_, Option<i64>>(at).map(|seq| seq.unwrap_or(pruned).unsigned_abs());
        Ok(place(0)?..place(1)?)
    })
}

/// The place of the first entry that was recorded at or after `moment`.
pub(super) fn place_at(connection: &Connection, moment: Timestamp) -> rusqlite::Result<u64> {
    let mut range = places(connection)?;
    // At or after a place: the cleanup may take entries away while this looks.
    let sql = "SELECT recorded_at FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    while range.start < range.end {
        let middle = range.start + (range.end - range.start) / 2;
        let recorded_at: Option<i64> = statement.query_row([middle as i64], |row| row.get(0)).optional()?;
        match recorded_at.is_some_and(|at| at < moment.as_micros()) {
            true => range.start = middle + 1,
            false => range.end = middle,
        }
    }
    Ok(range.start)
}
