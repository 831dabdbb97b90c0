//! Checkpoints in the file: stored in order, thinned to the first of each day when they are some days old.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{Doing, Files};
use crate::{CheckpointChange, Inventory, NewCheckpoint, PlaceChange, StoreError, StoredCheckpoint, chained};
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::time::Timestamp;

/// How many of the newest checkpoints stay, whether archived or not: two days of one a minute. A trigger knows it too.
pub(super) const NEWEST: u64 = 2_880;
pub(super) const COLUMNS: &str = "SELECT number, size, signed_at, note, archived, link FROM checkpoint";
const DOING: &str = "reading checkpoints";

/// A checkpoint as what it says of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its number, counted from 1.
    pub number: u64,
    /// How many entries it signs.
    pub size: u64,
    /// When it was signed, by the signer's clock.
    pub signed_at: Timestamp,
}

/// Stores a change. One that is there already, since a commit that seemed to fail had stored it, changes nothing.
pub(super) fn write(transaction: &Transaction<'_>, change: &CheckpointChange) -> rusqlite::Result<()> {
    match change {
        CheckpointChange::Signed(checkpoint) => insert(transaction, checkpoint),
        CheckpointChange::Key(vkey, since) => {
            let sql = "INSERT INTO verifier (vkey, since)
                SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM verifier WHERE vkey = ?1)";
            transaction.execute(sql, params![vkey, since.as_micros()]).map(drop)
        }
        CheckpointChange::Place(PlaceChange { name, number, failing }) => {
            let sql = "INSERT INTO place (name, number, failing) VALUES (?1, ?2, ?3)
                ON CONFLICT (name) DO UPDATE SET number = excluded.number, failing = excluded.failing";
            transaction.execute(sql, params![name, number, failing]).map(drop)
        }
        CheckpointChange::Clock => {
            let sql = "INSERT INTO clock (number) SELECT max(number) FROM checkpoint
                WHERE NOT EXISTS (SELECT 1 FROM clock WHERE number = (SELECT max(number) FROM checkpoint))";
            transaction.execute(sql, []).map(drop)
        }
    }
}

fn insert(transaction: &Transaction<'_>, checkpoint: &NewCheckpoint) -> rusqlite::Result<()> {
    let NewCheckpoint { size, signed_at, note, link } = checkpoint;
    let newest = newest(transaction, "ORDER BY number DESC LIMIT 1")?;
    if newest.as_ref().is_some_and(|newest| newest.checkpoint == *checkpoint) {
        return Ok(());
    }
    let number = newest.map_or(0, |newest| newest.number) + 1;
    let sql = "INSERT INTO checkpoint (number, size, signed_at, note, archived, link) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let proof = link.as_ref().map(|link| link.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<_>>());
    transaction.execute(sql, params![number, size, signed_at.as_micros(), note, link.is_some(), proof])?;
    let thin = "DELETE FROM checkpoint WHERE archived = 0 AND number <= ?1";
    transaction.execute(thin, [number.saturating_sub(NEWEST)]).map(drop)
}

impl Files {
    /// The newest checkpoint.
    ///
    /// # Errors
    /// The database fails.
    pub fn newest_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.one("ORDER BY number DESC LIMIT 1")
    }

    /// The newest checkpoint that stays for ever.
    ///
    /// # Errors
    /// The database fails.
    pub fn newest_archived(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.one("WHERE archived = 1 ORDER BY number DESC LIMIT 1")
    }

    /// Those that stay for ever, newest first, below the number `before`.
    ///
    /// # Errors
    /// The database fails.
    pub fn archived(&self, before: Option<u64>, limit: usize) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let sql = format!("{COLUMNS} WHERE archived = 1 AND number < ?1 ORDER BY number DESC LIMIT ?2");
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql).doing(DOING)?;
            let rows = statement.query_map(params![before, limit], stored);
            rows.and_then(Iterator::collect).doing(DOING)
        })
    }

    /// All checkpoints there are, newest first, as what they say of time.
    ///
    /// # Errors
    /// The database fails.
    pub fn marks(&self) -> Result<Vec<Mark>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT number, size, signed_at FROM checkpoint ORDER BY number DESC";
            let mut statement = connection.prepare_cached(sql).doing(DOING)?;
            let mark = |row: &Row<'_>| {
                Ok(Mark { number: row.get(0)?, size: row.get(1)?, signed_at: Timestamp::from_micros(row.get(2)?) })
            };
            statement.query_map([], mark).and_then(Iterator::collect).doing(DOING)
        })
    }

    /// The newest checkpoint at which somebody said that the clock was right; 0 for none.
    ///
    /// # Errors
    /// The database fails.
    pub fn clock_confirmed(&self) -> Result<u64, StoreError> {
        self.number("SELECT coalesce(max(number), 0) FROM clock")
    }

    /// The newest checkpoint that arrived at any place; 0 for none.
    ///
    /// # Errors
    /// The database fails.
    pub fn published(&self) -> Result<u64, StoreError> {
        self.number("SELECT coalesce(max(number), 0) FROM place")
    }

    /// How publishing gets on, by place.
    ///
    /// # Errors
    /// The database fails.
    pub fn places_published(&self) -> Result<Vec<PlaceChange>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT name, number, failing FROM place").doing(DOING)?;
            let place =
                |row: &Row<'_>| Ok(PlaceChange { name: row.get(0)?, number: row.get(1)?, failing: row.get(2)? });
            statement.query_map([], place).and_then(Iterator::collect).doing(DOING)
        })
    }

    /// The keys that check the log's signatures, as `vkey`s.
    ///
    /// # Errors
    /// The database fails.
    pub fn verifiers(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT vkey FROM verifier ORDER BY since").doing(DOING)?;
            statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).doing(DOING)
        })
    }

    /// What there is of checkpoints and keys.
    ///
    /// # Errors
    /// The database fails.
    pub fn inventory(&self) -> Result<Inventory, StoreError> {
        self.read(|connection| inventory(connection).doing(DOING))
    }

    /// What the archived checkpoints up to this number come to.
    ///
    /// # Errors
    /// The database fails.
    pub fn archive_digest(&self, up_to: u64) -> Result<Hash, StoreError> {
        self.read(|connection| Ok(digest_up_to(&chain(connection).doing(DOING)?, up_to)))
    }

    fn one(&self, which: &str) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.read(|connection| newest(connection, which).doing(DOING))
    }

    fn number(&self, sql: &str) -> Result<u64, StoreError> {
        self.read(|connection| connection.query_row(sql, [], |row| row.get(0)).doing(DOING))
    }
}

pub(super) fn inventory(connection: &Connection) -> rusqlite::Result<Inventory> {
    let sql = "SELECT coalesce(max(number), 0) FROM checkpoint";
    let newest = connection.query_row(sql, [], |row| row.get(0))?;
    let archived = chain(connection)?.last().map_or_else(Hash::of_nothing, |(_, hash)| *hash);
    let mut statement = connection.prepare("SELECT vkey, since FROM verifier")?;
    let keys = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    Ok(Inventory { newest, archived, keys })
}

/// The archived checkpoints by their numbers, and what all up to each come to.
pub(super) fn chain(connection: &Connection) -> rusqlite::Result<Vec<(u64, Hash)>> {
    let mut statement = connection.prepare("SELECT number, note FROM checkpoint WHERE archived = 1 ORDER BY number")?;
    let mut hash = Hash::of_nothing();
    let next = |row: &Row<'_>| {
        let (number, note): (u64, String) = (row.get(0)?, row.get(1)?);
        hash = chained(&hash, number, &note);
        Ok((number, hash))
    };
    statement.query_map([], next)?.collect()
}

/// What those of a chain come to that have a number up to this.
pub(super) fn digest_up_to(chain: &[(u64, Hash)], number: u64) -> Hash {
    let up_to = chain.partition_point(|(of, _)| *of <= number);
    up_to.checked_sub(1).and_then(|last| chain.get(last)).map_or_else(Hash::of_nothing, |(_, hash)| *hash)
}

fn newest(connection: &Connection, which: &str) -> rusqlite::Result<Option<StoredCheckpoint>> {
    connection.prepare_cached(&format!("{COLUMNS} {which}"))?.query_row([], stored).optional()
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
