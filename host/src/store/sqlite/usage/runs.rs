//! Runs and parts in the database: appended, read, never changed.

use std::ops::Range;

use rusqlite::{Connection, params};

use super::cells::Cells;
use super::cuts::{CUTS, Cut};
use super::durations::Durations;
use super::measures::OfCells;
use super::users::Users;
use super::{Doing, HOUR};
use crate::field::Field;
use crate::store::StoreError;
use crate::time::DAY;

const READING: &str = "reading usage";
const WRITING: &str = "writing usage";

/// A run of entries whose requests are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The place of its first entry.
    pub(super) first: u64,
    /// How many places it is about.
    pub(super) length: u64,
    /// The dimensions that have a value, a bit each.
    pub(super) fields: u64,
    /// When the first of its hours begins.
    pub(super) least: i64,
    /// When the last one begins; less than `least` where there is none.
    pub(super) most: i64,
}

/// How long the time of a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    Hour,
    Day,
}

/// Cells of one cut and one grain, ready to be stored.
pub(super) struct Part {
    pub(super) number: u64,
    pub(super) cells: Vec<u8>,
    pub(super) sums: Vec<u8>,
    pub(super) durations: [Vec<u8>; 2],
    pub(super) users: Option<Vec<u8>>,
}

impl Grain {
    pub(super) const ALL: [Self; 2] = [Self::Hour, Self::Day];

    pub(super) fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// Whether `cut` has cells of it.
    pub(super) fn is_kept(self, cut: Cut) -> bool {
        self == Self::Day || cut.hours
    }

    /// Whether the users of `cut`'s cells are kept: how many there are is asked of days, where they are no dimension.
    pub(super) fn has_users(self, cut: Cut) -> bool {
        self == Self::Day && !cut.fields.contains(&Field::User)
    }

    /// The number of the part that has the cells of the cut at this place in the list.
    pub(super) fn part(self, cut: usize) -> u64 {
        cut as u64 * 2 + u64::from(self == Self::Day)
    }
}

impl Run {
    /// The place after its last entry.
    pub(super) fn end(&self) -> u64 {
        self.first + self.length
    }

    /// Whether any of its hours is in `range`.
    pub(super) fn touches(&self, range: &Range<i64>) -> bool {
        self.least <= self.most && self.least < range.end && self.most.saturating_add(HOUR) > range.start
    }

    /// The cells of `cut`.
    pub(super) fn cells(&self, connection: &Connection, cut: Cut, grain: Grain) -> Result<Cells, StoreError> {
        let sql = "SELECT cells FROM usage_part WHERE run = ?1 AND number = ?2";
        self.part(connection, sql, (cut, grain), |[bytes]| Cells::from_bytes(bytes))
    }

    /// What is summed up in these cells.
    pub(super) fn sums(
        &self,
        connection: &Connection,
        cut: Cut,
        grain: Grain,
        cells: &Cells,
    ) -> Result<OfCells, StoreError> {
        let sql = "SELECT sums FROM usage_part WHERE run = ?1 AND number = ?2";
        self.part(connection, sql, (cut, grain), |[bytes]| OfCells::from_bytes(bytes, cells.count))
    }

    /// The histograms of these cells.
    pub(super) fn durations(&self, connection: &Connection, cut: Cut, grain: Grain) -> Result<Durations, StoreError> {
        let sql = "SELECT lengths, buckets FROM usage_part WHERE run = ?1 AND number = ?2";
        self.part(connection, sql, (cut, grain), Durations::from_bytes)
    }

    /// The users of cells of days, of a cut that has no user.
    pub(super) fn users(&self, connection: &Connection, cut: Cut, cells: &Cells) -> Result<Users, StoreError> {
        let sql = "SELECT users FROM usage_part WHERE run = ?1 AND number = ?2";
        self.part(connection, sql, (cut, Grain::Day), |[bytes]| Users::from_bytes(bytes, cells.count))
    }

    /// What `read` makes of the columns that `sql` asks for.
    fn part<T, const N: usize>(
        &self,
        connection: &Connection,
        sql: &str,
        (cut, grain): (Cut, Grain),
        read: impl FnOnce([&[u8]; N]) -> Option<T>,
    ) -> Result<T, StoreError> {
        let number = grain.part(cut.among(self.fields).0);
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        let mut rows = statement.query([self.first, number]).doing(READING)?;
        let row = rows.next().doing(READING)?.ok_or_else(|| self.damaged())?;
        let mut columns = [&[][..]; N];
        for (at, bytes) in columns.iter_mut().enumerate() {
            *bytes = row.get_ref(at).and_then(|value| Ok(value.as_blob_or_null()?)).doing(READING)?.unwrap_or_default();
        }
        read(columns).ok_or_else(|| self.damaged())
    }

    /// Every part of it is there and is what was written.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), StoreError> {
        for cut in CUTS.iter().filter(|cut| cut.among(self.fields).1 == **cut) {
            for grain in Grain::ALL.into_iter().filter(|grain| grain.is_kept(*cut)) {
                let cells = self.cells(connection, *cut, grain)?;
                self.sums(connection, *cut, grain, &cells)?;
                self.durations(connection, *cut, grain)?;
                if grain.has_users(*cut) {
                    self.users(connection, *cut, &cells)?;
                }
            }
        }
        Ok(())
    }

    /// The error of a run that is not what was written.
    pub(super) fn damaged(&self) -> StoreError {
        StoreError::Index { first: self.first, field: "usage" }
    }
}

/// Every run, oldest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<Run>, StoreError> {
    let sql = "SELECT first, length, fields, least, most FROM usage_run ORDER BY first";
    let mut statement = connection.prepare_cached(sql).doing(READING)?;
    let run = |row: &rusqlite::Row<'_>| {
        Ok(Run { first: row.get(0)?, length: row.get(1)?, fields: row.get(2)?, least: row.get(3)?, most: row.get(4)? })
    };
    statement.query_map([], run).and_then(Iterator::collect).doing(READING)
}

/// The place up to which entries are folded: what retention took counts as well.
pub(super) fn folded(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT max(pruned, coalesce((SELECT first + length FROM usage_run ORDER BY first DESC LIMIT 1), 0))
        FROM head";
    connection.prepare_cached(sql).and_then(|mut statement| statement.query_row([], |row| row.get(0))).doing(READING)
}

/// The first place whose usage retention left.
pub(super) fn kept(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT usage_pruned FROM head").doing(READING)?;
    statement.query_row([], |row| row.get(0)).doing(READING)
}

/// Stores a run behind the others.
pub(super) fn append(connection: &Connection, run: &Run, parts: &[Part]) -> Result<(), StoreError> {
    let sql = "INSERT INTO usage_part (run, number, cells, sums, lengths, buckets, users)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = connection.prepare_cached(sql).doing(WRITING)?;
    for Part { number, cells, sums, durations: [lengths, buckets], users } in parts {
        insert.execute(params![run.first, number, cells, sums, lengths, buckets, users]).doing(WRITING)?;
    }
    let sql = "INSERT INTO usage_run (first, length, fields, least, most, recorded)
        SELECT ?1, ?2, ?3, ?4, ?5, coalesce((SELECT recorded_at FROM entry WHERE seq = ?1 + ?2 - 1), 0)";
    let mut insert = connection.prepare_cached(sql).doing(WRITING)?;
    insert.execute(params![run.first, run.length, run.fields, run.least, run.most]).doing(WRITING).map(drop)
}
