//! Runs and parts in the database: appended, read, never changed.

use std::collections::BTreeSet;
use std::ops::Range;

use rusqlite::{Connection, params};

use super::cells::Cells;
use super::cuts::{CUTS, Cut};
use super::durations::Durations;
use super::sums::OfCells;
use super::users::Users;
use super::{Doing, HOUR};
use crate::StoreError;
use crate::index::LARGE;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::DAY;

const READING: &str = "reading usage";
const WRITING: &str = "writing usage";
/// Parts that the pairs of a run are divided into, where it is as long as runs become.
const SHARES: u64 = 16;

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
    /// When its last entry was recorded.
    pub(super) recorded: i64,
}

/// How long the time of a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    Hour,
    Day,
}

/// Which part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Of the cut and the grain.
    pub(super) number: u64,
    /// Of the users, where the part is divided by them.
    pub(super) share: u64,
}

/// Cells of one cut and one grain, ready to be stored.
pub(super) struct Part {
    pub(super) key: Key,
    pub(super) cells: Vec<u8>,
    pub(super) sums: Vec<u8>,
    pub(super) durations: Vec<u8>,
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

    /// The number of the parts that have the cells of the cut at this place in the list.
    fn number(self, cut: usize) -> u64 {
        cut as u64 * 2 + u64::from(self == Self::Day)
    }
}

impl Run {
    /// The place after its last entry.
    pub(super) fn end(&self) -> u64 {
        self.first + self.length
    }

    /// The CRC-32 of what it says of itself: a run that was not damaged has the one that was stored with it.
    fn checksum(&self) -> u32 {
        let places = [self.first, self.length, self.fields].map(u64::to_le_bytes);
        let times = [self.least, self.most, self.recorded].map(i64::to_le_bytes);
        crc32fast::hash([places, times].as_flattened().as_flattened())
    }

    /// Whether any of its hours is in `range`.
    pub(super) fn touches(&self, range: &Range<i64>) -> bool {
        self.least <= self.most && self.least < range.end && self.most.saturating_add(HOUR) > range.start
    }

    /// Into how many parts the cells of `cut` are divided: a user's own figures are read without those of all others.
    pub(super) fn shares(&self, cut: Cut) -> u64 {
        if cut.among(self.fields).1.is_pair() { self.most_shares() } else { 1 }
    }

    /// Into how many parts the cells of a pair are divided: one where there are few.
    pub(super) fn most_shares(&self) -> u64 {
        (self.length / (LARGE / SHARES)).clamp(1, SHARES)
    }

    /// The parts that have the cells of `cut`, those of `users` where only theirs are wanted.
    pub(super) fn keys(&self, cut: Cut, grain: Grain, users: Option<&BTreeSet<u64>>) -> Vec<Key> {
        let (number, shares) = (grain.number(cut.among(self.fields).0), self.shares(cut));
        let is_wanted = |share: &u64| users.is_none_or(|users| users.iter().any(|user| user % shares == *share));
        (0..shares).filter(is_wanted).map(|share| Key { number, share }).collect()
    }

    /// The cells of a part.
    pub(super) fn cells(&self, connection: &Connection, key: Key) -> Result<Cells, StoreError> {
        self.read(connection, "cells", key, Cells::from_bytes)
    }

    /// What is summed up in these cells.
    pub(super) fn sums(&self, connection: &Connection, key: Key, cells: &Cells) -> Result<OfCells, StoreError> {
        self.read(connection, "sums", key, |bytes| OfCells::from_bytes(bytes, cells.count))
    }

    /// The histograms of these cells.
    pub(super) fn durations(&self, connection: &Connection, key: Key, cells: &Cells) -> Result<Durations, StoreError> {
        self.read(connection, "durations", key, |bytes| Durations::from_bytes(bytes, cells.count))
    }

    /// The users of these cells, if their part has any.
    pub(super) fn users(&self, connection: &Connection, key: Key, cells: &Cells) -> Result<Users, StoreError> {
        self.read(connection, "users", key, |bytes| Users::from_bytes(bytes, cells.count))
    }

    /// What `read` makes of a part's `column`.
    fn read<T>(
        &self,
        connection: &Connection,
        column: &str,
        key: Key,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, StoreError> {
        let sql = format!("SELECT {column} FROM usage_part WHERE run = ?1 AND number = ?2 AND share = ?3");
        let mut statement = connection.prepare_cached(&sql).doing(READING)?;
        let mut rows = statement.query([self.first, key.number, key.share]).doing(READING)?;
        let row = rows.next().doing(READING)?.ok_or_else(|| self.damaged())?;
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob_or_null()?)).doing(READING)?;
        let (bytes, sum) = bytes.and_then(|bytes| bytes.split_last_chunk()).ok_or_else(|| self.damaged())?;
        let is_whole = self.seal(key, column, bytes).to_le_bytes() == *sum;
        is_whole.then(|| read(bytes)).flatten().ok_or_else(|| self.damaged())
    }

    /// The CRC-32 behind a part's column: of its bytes and of where they belong, so that what stands in the place of
    /// something else is seen.
    fn seal(&self, key: Key, column: &str, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        [self.first, key.number, key.share].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
        hasher.update(column.as_bytes());
        hasher.update(bytes);
        hasher.finalize()
    }

    /// Every part of it is there and is what was written.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), StoreError> {
        for cut in CUTS.iter().filter(|cut| cut.among(self.fields).1 == **cut) {
            for grain in Grain::ALL.into_iter().filter(|grain| grain.is_kept(*cut)) {
                for key in self.keys(*cut, grain, None) {
                    let cells = self.cells(connection, key)?;
                    self.sums(connection, key, &cells)?;
                    self.durations(connection, key, &cells)?;
                    if grain.has_users(*cut) {
                        self.users(connection, key, &cells)?;
                    }
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

/// Every run, oldest first, and whether it says of itself what was written.
pub(super) fn all(connection: &Connection) -> Result<Vec<(Run, bool)>, StoreError> {
    let sql = "SELECT first, length, fields, least, most, recorded, checksum FROM usage_run ORDER BY first";
    let mut statement = connection.prepare_cached(sql).doing(READING)?;
    let run = |row: &rusqlite::Row<'_>| {
        // Of a forged row, numbers may be anything.
        let told: [i64; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
        let [first, length, fields] = told.map(|number| u64::try_from(number).unwrap_or_default());
        let [least, most, recorded] = [row.get(3)?, row.get(4)?, row.get(5)?];
        let run = Run { first, length: length.min(LARGE), fields, least, most, recorded };
        let is_possible = [run.first, run.length, run.fields].map(u64::cast_signed) == told;
        Ok((run, is_possible && row.get::<_, i64>(6)? == i64::from(run.checksum())))
    };
    statement.query_map([], run).and_then(Iterator::collect).doing(READING)
}

/// The place up to which entries are folded: what retention took counts as well.
pub(super) fn folded(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT max(pruned, coalesce((SELECT max(first, 0) + min(length, ?1) FROM usage_run
        ORDER BY first DESC LIMIT 1), 0)) FROM head";
    let folded = |mut statement: rusqlite::CachedStatement<'_>| statement.query_row([LARGE], |row| row.get(0));
    connection.prepare_cached(sql).and_then(folded).doing(READING)
}

/// The first place whose usage retention left.
pub(super) fn kept(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT usage_pruned FROM head").doing(READING)?;
    statement.query_row([], |row| row.get(0)).doing(READING)
}

/// Stores a run behind the others.
pub(super) fn append(connection: &Connection, run: &Run, parts: &[Part]) -> Result<(), StoreError> {
    let sql = "INSERT INTO usage_part (run, number, share, cells, sums, durations, users)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = connection.prepare_cached(sql).doing(WRITING)?;
    for Part { key, cells, sums, durations, users } in parts {
        let sealed = |column, bytes: &[u8]| [bytes, &run.seal(*key, column, bytes).to_le_bytes()].concat();
        let [cells, sums, durations] =
            [("cells", cells), ("sums", sums), ("durations", durations)].map(|(column, bytes)| sealed(column, bytes));
        let users = users.as_ref().map(|users| sealed("users", users));
        insert.execute(params![run.first, key.number, key.share, cells, sums, durations, users]).doing(WRITING)?;
    }
    let sql = "INSERT INTO usage_run (first, length, fields, least, most, recorded, checksum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = connection.prepare_cached(sql).doing(WRITING)?;
    let Run { first, length, fields, least, most, recorded } = run;
    insert.execute(params![first, length, fields, least, most, recorded, run.checksum()]).doing(WRITING).map(drop)
}
