//! Runs and parts in the database: appended, read, never changed.

use std::collections::BTreeSet;
use std::ops::Range;

use super::HOUR;
use super::cells::Cells;
use super::cuts::{CUTS, Cut};
use super::durations::Durations;
use super::sums::OfCells;
use super::users::Users;
use crate::StoreError;
use crate::columns::MERGED;
use crate::snapshot::{Blob, PartColumn, PartKey, Snapshot, StoredRun, read_blob};
use crate::transaction::{NewPart, Transaction};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::DAY;

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
    /// Entries of a large block: no run is about more.
    pub(super) large: u64,
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
        (self.length / (self.large / SHARES)).clamp(1, SHARES)
    }

    /// The parts that have the cells of `cut`, those of `users` where only theirs are wanted.
    pub(super) fn keys(&self, cut: Cut, grain: Grain, users: Option<&BTreeSet<u64>>) -> Vec<Key> {
        let (number, shares) = (grain.number(cut.among(self.fields).0), self.shares(cut));
        let is_wanted = |share: &u64| users.is_none_or(|users| users.iter().any(|user| user % shares == *share));
        (0..shares).filter(is_wanted).map(|share| Key { number, share }).collect()
    }

    /// The cells of a part.
    pub(super) fn cells(&self, log: &dyn Snapshot, key: Key) -> Result<Cells, StoreError> {
        self.read(log, PartColumn::Cells, key, |bytes| Cells::from_bytes(bytes, self.large))
    }

    /// What is summed up in these cells.
    pub(super) fn sums(&self, log: &dyn Snapshot, key: Key, cells: &Cells) -> Result<OfCells, StoreError> {
        self.read(log, PartColumn::Sums, key, |bytes| OfCells::from_bytes(bytes, cells.count))
    }

    /// The histograms of these cells.
    pub(super) fn durations(&self, log: &dyn Snapshot, key: Key, cells: &Cells) -> Result<Durations, StoreError> {
        self.read(log, PartColumn::Durations, key, |bytes| Durations::from_bytes(bytes, cells.count))
    }

    /// The users of these cells, if their part has any.
    pub(super) fn users(&self, log: &dyn Snapshot, key: Key, cells: &Cells) -> Result<Users, StoreError> {
        self.read(log, PartColumn::Users, key, |bytes| Users::from_bytes(bytes, cells.count))
    }

    /// What `read` makes of a part's `column`.
    fn read<T>(
        &self,
        log: &dyn Snapshot,
        column: PartColumn,
        key: Key,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, StoreError> {
        let whole = |bytes: &[u8]| {
            let (bytes, sum) = bytes.split_last_chunk()?;
            (self.seal(key, column, bytes).to_le_bytes() == *sum).then(|| read(bytes)).flatten()
        };
        read_blob(log, Blob::Part(self.part(key), column), whole)?.flatten().ok_or_else(|| self.damaged())
    }

    fn part(&self, key: Key) -> PartKey {
        PartKey { run: self.first, number: key.number, share: key.share }
    }

    /// The CRC-32 behind a part's column: of its bytes and of where they belong, so that what stands in the place of
    /// something else is seen.
    fn seal(&self, key: Key, column: PartColumn, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        [self.first, key.number, key.share].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
        hasher.update(column.name().as_bytes());
        hasher.update(bytes);
        hasher.finalize()
    }

    /// Every part of it is there and is what was written.
    pub(super) fn check(&self, log: &dyn Snapshot) -> Result<(), StoreError> {
        for cut in CUTS.iter().filter(|cut| cut.among(self.fields).1 == **cut) {
            for grain in Grain::ALL.into_iter().filter(|grain| grain.is_kept(*cut)) {
                for key in self.keys(*cut, grain, None) {
                    let cells = self.cells(log, key)?;
                    self.sums(log, key, &cells)?;
                    self.durations(log, key, &cells)?;
                    if grain.has_users(*cut) {
                        self.users(log, key, &cells)?;
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
pub(super) fn all(log: &dyn Snapshot) -> Result<Vec<(Run, bool)>, StoreError> {
    let large = log.block_length() * MERGED;
    let run = |stored: StoredRun| {
        // Of a forged row, numbers may be anything.
        let told = [stored.first, stored.length, stored.fields];
        let [first, length, fields] = told.map(|number| u64::try_from(number).unwrap_or_default());
        let StoredRun { least, most, recorded, checksum, .. } = stored;
        let run = Run { first, length: length.min(large), fields, least, most, recorded, large };
        let is_possible = [run.first, run.length, run.fields].map(u64::cast_signed) == told;
        (run, is_possible && checksum == i64::from(run.checksum()))
    };
    Ok(log.runs()?.into_iter().map(run).collect())
}

/// The seq up to which entries are folded: what retention took counts as well.
pub(super) fn folded(log: &dyn Snapshot) -> Result<u64, StoreError> {
    let last = all(log)?.last().map_or(0, |(run, _)| run.end());
    Ok(log.head()?.pruned.max(last))
}

/// Stores a run behind the others.
pub(super) fn append(log: &dyn Transaction, run: &Run, parts: Vec<Part>) -> Result<(), StoreError> {
    let sealed = |Part { key, cells, sums, durations, users }: Part| {
        let sealed = |column, mut bytes: Vec<u8>| {
            let sum = run.seal(key, column, &bytes);
            bytes.extend(sum.to_le_bytes());
            Some(bytes)
        };
        NewPart {
            key: run.part(key),
            columns: [
                sealed(PartColumn::Cells, cells),
                sealed(PartColumn::Sums, sums),
                sealed(PartColumn::Durations, durations),
                users.and_then(|users| sealed(PartColumn::Users, users)),
            ],
        }
    };
    let parts: Vec<_> = parts.into_iter().map(sealed).collect();
    let [first, length, fields] = [run.first, run.length, run.fields].map(u64::cast_signed);
    let Run { least, most, recorded, .. } = *run;
    let checksum = run.checksum().into();
    log.append_run(StoredRun { first, length, fields, least, most, recorded, checksum }, &parts)
}
