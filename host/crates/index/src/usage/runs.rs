//! Runs and their parts in the store: appended once, read with their checksums, never changed.

use std::collections::BTreeSet;
use std::ops::Range;

use super::HOUR;
use super::cells::{CellAmounts, Cut, bits, read_cells};
use crate::StoreError;
use crate::columns::{Bitmap, MERGED};
use crate::search::blocks::Block;
use crate::snapshot::{Blob, PartColumn, PartKey, Snapshot, StoredRun, read_blob};
use crate::transaction::{NewPart, Transaction};

/// Parts that the cells of a pair are divided into by users, where the run is as long as runs become: a user's own usage
/// is read without that of all others.
const SHARES: u64 = 16;

impl StoredRun {
    /// The seq after its last entry; of a forged row, any number.
    pub(super) fn end(&self) -> u64 {
        self.first.wrapping_add(self.length)
    }

    /// The seq of its first entry; 0 where a forged row says less.
    pub(super) fn start(&self) -> u64 {
        if self.first > i64::MAX.cast_unsigned() { 0 } else { self.first }
    }

    /// The CRC-32 of what it says of itself.
    pub(super) fn sealed(&self) -> i64 {
        let seqs = [self.first, self.length, self.fields].map(u64::to_le_bytes);
        let times = [self.least, self.most, self.recorded].map(i64::to_le_bytes);
        crc32fast::hash([seqs, times].as_flattened().as_flattened()).into()
    }

    /// Whether any of its hours is in `range`.
    pub(super) fn touches(&self, range: &Range<i64>) -> bool {
        self.least <= self.most && self.least < range.end && self.most.saturating_add(HOUR) > range.start
    }

    /// Into how many parts the cells of a pair are divided: one where there are few.
    pub(super) fn shares(&self, log: &dyn Snapshot) -> u64 {
        (self.length / (log.block_length() * MERGED / SHARES)).clamp(1, SHARES)
    }

    /// The parts with the cells that know these fields, only those of `users` where only these are wanted. Fields that no
    /// request of the run has say nothing, and no part is about them.
    pub(super) fn keys(
        &self,
        log: &dyn Snapshot,
        fields: u64,
        by_day: bool,
        users: Option<&BTreeSet<u64>>,
    ) -> Vec<PartKey> {
        let Some(cut) = Cut::of(fields & self.fields) else { return Vec::new() };
        let shares = if cut.is_pair() { self.shares(log) } else { 1 };
        let is_wanted = |share: &u64| users.is_none_or(|users| users.iter().any(|user| user % shares == *share));
        let key = |share| PartKey { run: self.first, number: cut.number(by_day), share };
        (0..shares).filter(is_wanted).map(key).collect()
    }

    /// The cells of a part, and all of its rows.
    pub(super) fn cells(&self, log: &dyn Snapshot, key: PartKey) -> Result<(Block, Bitmap), StoreError> {
        // A run has no more requests than entries, and so no more cells.
        let most = log.block_length() * MERGED;
        self.read(log, key, PartColumn::Cells, |bytes| read_cells(bytes, most))
    }

    /// What is counted of so many cells.
    pub(super) fn amounts(&self, log: &dyn Snapshot, key: PartKey, cells: u64) -> Result<CellAmounts, StoreError> {
        self.read(log, key, PartColumn::Amounts, |bytes| CellAmounts::read(bytes, cells))
    }

    fn read<T>(
        &self,
        log: &dyn Snapshot,
        key: PartKey,
        column: PartColumn,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, StoreError> {
        let whole = |bytes: &[u8]| {
            let (bytes, sum) = bytes.split_last_chunk()?;
            (seal(key, column, bytes) == *sum).then(|| read(bytes)).flatten()
        };
        read_blob(log, Blob::Part(key, column), whole)?.flatten().ok_or_else(|| self.damaged())
    }

    /// Whether every part of it is there and is what was written.
    pub(super) fn check(&self, log: &dyn Snapshot) -> Result<(), StoreError> {
        for (cut, by_day) in self.kept() {
            for key in self.keys(log, bits(cut.fields()), by_day, None) {
                let (_, all) = self.cells(log, key)?;
                self.amounts(log, key, all.count())?;
            }
        }
        Ok(())
    }

    /// The cuts that it has cells of, by day and by hour.
    pub(super) fn kept(&self) -> impl Iterator<Item = (Cut, bool)> {
        let cuts = Cut::all().filter(|cut| bits(cut.fields()) & !self.fields == 0);
        cuts.flat_map(|cut| [(cut, true), (cut, false)]).filter(|(cut, by_day)| *by_day || !cut.is_pair())
    }

    /// The error of a run that is not what was written.
    pub(super) fn damaged(&self) -> StoreError {
        StoreError::Index { first: self.first, field: "usage" }
    }
}

/// The CRC-32 behind a blob: of its bytes and of where they belong, so that what stands in the place of something else is
/// damage.
fn seal(key: PartKey, column: PartColumn, bytes: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    [key.run, key.number, key.share, column as u64].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}

/// The seq up to which entries are aggregated: what retention removed counts as well.
pub(super) fn end(log: &dyn Snapshot) -> Result<u64, StoreError> {
    let last = log.runs()?.last().map_or(0, |run| run.start() + run.length.min(log.block_length() * MERGED));
    Ok(log.head()?.pruned.max(last))
}

/// Stores a run behind the others.
pub(super) fn append(log: &dyn Transaction, run: StoredRun, mut parts: Vec<NewPart>) -> Result<(), StoreError> {
    for NewPart { key, cells, amounts } in &mut parts {
        cells.extend(seal(*key, PartColumn::Cells, cells));
        amounts.extend(seal(*key, PartColumn::Amounts, amounts));
    }
    log.append_run(StoredRun { checksum: run.sealed(), ..run }, &parts)
}
