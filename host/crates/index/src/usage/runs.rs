//! Runs of usage: computed from entries, stored once with checksums, computed again if they are damaged, and removed by
//! retention.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cells::{Cell, CellAmounts, Cut, bits, pack_cells, read_cells};
use super::{HOUR, dimensions, floor};
use crate::columns::{Bitmap, ColumnKind, MERGED, Zone};
use crate::dictionary::Texts;
use crate::search::axis::Axis;
use crate::search::block_scan::BlockScan;
use crate::search::blocks::{self, Block};
use crate::search::keyed_counts::KeyedCounts;
use crate::search::plan::Plan;
use crate::search::seqs;
use crate::search::total::{EntryAmounts, failures, raws};
use crate::snapshot::{Blob, PartColumn, PartKey, Snapshot, StoredRun, read_blob};
use crate::step::Steps;
use crate::transaction::{HeadChange, NewPart, Removable, Transaction};
use crate::{StoreError, UsageStep, requests};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// The most parts into which the cells of a pair are divided by users, in a run of full length. So a user's own usage
/// is read without that of all other users.
const SHARES: u64 = 16;

impl StoredRun {
    /// The seq after its last entry. In a forged row it may be any number.
    pub(super) fn end(&self) -> u64 {
        self.first.wrapping_add(self.length)
    }

    /// The seq of its first entry; 0 if a forged row has a negative one.
    pub(super) fn start(&self) -> u64 {
        if self.first > i64::MAX.cast_unsigned() { 0 } else { self.first }
    }

    /// The CRC-32 of its description.
    pub(super) fn computed_checksum(&self) -> i64 {
        let seqs = [self.first, self.length, self.fields].map(u64::to_le_bytes);
        let times = [self.least, self.most, self.recorded].map(i64::to_le_bytes);
        crc32fast::hash([seqs, times].as_flattened().as_flattened()).into()
    }

    /// Whether one of its hours is in `range`.
    pub(super) fn touches(&self, range: &Range<i64>) -> bool {
        self.least <= self.most && self.least < range.end && self.most.saturating_add(HOUR) > range.start
    }

    /// The number of parts into which the cells of a pair are divided: 1 in a short run.
    pub(super) fn shares(&self, log: &dyn Snapshot) -> u64 {
        (self.length / (log.block_length() * MERGED / SHARES)).clamp(1, SHARES)
    }

    /// The parts that have cells with these fields; if only some `users` are wanted, only their parts. If no request of
    /// the run has one of the fields, there is no part with that field.
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

    /// The amounts of `cells` cells.
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

    /// Checks that every part of it exists and is not damaged.
    pub(super) fn check(&self, log: &dyn Snapshot) -> Result<(), StoreError> {
        for (cut, by_day) in self.cuts() {
            for key in self.keys(log, bits(cut.fields()), by_day, None) {
                let (_, all) = self.cells(log, key)?;
                self.amounts(log, key, all.count())?;
            }
        }
        Ok(())
    }

    /// The cuts for which it has cells, by day and by hour.
    pub(super) fn cuts(&self) -> impl Iterator<Item = (Cut, bool)> {
        let cuts = Cut::all().filter(|cut| bits(cut.fields()) & !self.fields == 0);
        cuts.flat_map(|cut| [(cut, true), (cut, false)]).filter(|(cut, by_day)| *by_day || !cut.is_pair())
    }

    /// The error about a damaged run.
    pub(super) fn damaged(&self) -> StoreError {
        StoreError::Index { first: self.first, field: "usage" }
    }
}

/// The CRC-32 that is appended to a blob. It covers the bytes and the key of the blob, so that swapped blobs are
/// detected as damage.
pub(super) fn seal(key: PartKey, column: PartColumn, bytes: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    [key.run, key.number, key.share, column as u64].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}

/// The seq up to which entries are aggregated. Removed entries count as aggregated.
pub(super) fn end(log: &dyn Snapshot) -> Result<u64, StoreError> {
    let last = log.runs()?.last().map_or(0, |run| run.start() + run.length.min(log.block_length() * MERGED));
    Ok(log.head()?.pruned.max(last))
}

/// Stores a run after the others.
fn store(log: &dyn Transaction, run: StoredRun, mut parts: Vec<NewPart>) -> Result<(), StoreError> {
    for NewPart { key, cells, amounts } in &mut parts {
        cells.extend(seal(*key, PartColumn::Cells, cells));
        amounts.extend(seal(*key, PartColumn::Amounts, amounts));
    }
    log.append_run(StoredRun { checksum: run.computed_checksum(), ..run }, &parts)
}

/// A seq after every run.
const END: u64 = i64::MAX.cast_unsigned();

/// Aggregates the large blocks below `below`.
pub(crate) fn append(log: &dyn Transaction, below: u64) -> Result<(), StoreError> {
    let large = log.snapshot().block_length() * MERGED;
    loop {
        let first = end(log.snapshot())?;
        let next = (first / large + 1) * large;
        if next > below {
            return Ok(());
        }
        aggregate(log, first..next)?;
    }
}

/// Aggregates entries that are about to be removed, if that is not done yet: those recorded before `moment`. It covers
/// at least one step of the cleanup.
pub(crate) fn append_before(log: &dyn Transaction, moment: Option<Timestamp>) -> Result<(), StoreError> {
    let Some(moment) = moment else { return Ok(()) };
    let now = log.snapshot();
    let first = end(now)?;
    let next = seqs::seq_at(now, moment)?.min(first + now.block_length() * MERGED);
    if next > first { aggregate(log, first..next) } else { Ok(()) }
}

/// Stores the requests at these seqs as a run.
fn aggregate(log: &dyn Transaction, seqs: Range<u64>) -> Result<(), StoreError> {
    let now = log.snapshot();
    let (plan, failed) =
        (Plan::new(now, &Texts::default(), &requests())?, Plan::new(now, &Texts::default(), &failures())?);
    let mut fields: BTreeSet<_> = EntryAmounts::FIELDS.into_iter().chain(dimensions()).collect();
    fields.extend([Field::OccurredAt, Field::Outcome]);
    plan.fields(&mut fields);
    let mut run = StoredRun {
        first: seqs.start,
        length: seqs.end - seqs.start,
        fields: 0,
        least: 0,
        most: -1,
        // 0 where the cleanup removed the entry.
        recorded: seqs::recorded_at(now, seqs.end - 1..seqs.end)?.map_or(0, Timestamp::as_micros),
        checksum: 0,
    };
    let mut blocks = Vec::new();
    let scan = BlockScan::new(now, seqs, &fields)?;
    for (block, within) in scan.blocks() {
        let found = plan.find(now, block, within)?;
        let entries = EntryAmounts::new(now, block, &found, failed.find(now, block, found.clone())?)?;
        let times = raws(now, block, Field::OccurredAt, &found)?;
        for row in found.rows() {
            let hour = floor(ColumnKind::Time.stored(times[row as usize]), HOUR);
            let is_first = run.least > run.most;
            run.least = if is_first { hour } else { run.least.min(hour) };
            run.most = if is_first { hour } else { run.most.max(hour) };
        }
        for field in dimensions() {
            if raws(now, block, field, &found)?.iter().any(|raw| *raw > 0) {
                run.fields |= bits(&[field]);
            }
        }
        let users = raws(now, block, Field::User, &found)?;
        blocks.push((block, found, entries, users));
    }
    let mut parts = Vec::new();
    for (cut, by_day) in run.cuts() {
        // The time, the instance, the cut's own dimensions: the user first.
        let mut cells = KeyedCounts::<4, Cell>::new(usize::MAX);
        let step = Steps::utc(if by_day { UsageStep::Day } else { UsageStep::Hour });
        for (block, found, entries, users) in &blocks {
            let axis = |field: Option<&Field>| field.map_or(Ok(Axis::One), |field| Axis::numbers(now, block, *field));
            let (time, instance) = (axis(Some(&Field::OccurredAt))?.by_step(step), axis(Some(&Field::Instance))?);
            let (first, second) = (axis(cut.fields().first())?, axis(cut.fields().get(1))?);
            let users = if cut.has_users() { &[] } else { users.as_slice() };
            let axes = [&time, &instance, &first, &second];
            let counted = cells.count(
                axes,
                found,
                Cell::default,
                |word| word,
                |cell, word, bit| {
                    let row = word * 64 + bit;
                    cell.buckets.extend(entries.add_to(row, &mut cell.sums).map(|bucket| bucket as u16));
                    // Most calls follow one of the same user.
                    cell.users.extend(users.get(row).filter(|user| **user > 0 && cell.users.last() != Some(*user)));
                },
            );
            counted.ok_or(StoreError::TooManyValues)?;
        }
        let shares = run.keys(now, bits(cut.fields()), by_day, None);
        let divided = shares.len() as u64;
        for key in shares {
            let of_share = |(key_of, _): &(&[u64; 4], &mut Cell)| key_of[2] % divided == key.share || divided == 1;
            parts.push(part(key, cut, step, cells.iter_mut().filter(of_share)));
        }
    }
    store(log, run, parts)
}

/// The part with these cells.
fn part<'c>(key: PartKey, cut: Cut, step: Steps, cells: impl Iterator<Item = (&'c [u64; 4], &'c mut Cell)>) -> NewPart {
    let (mut columns, mut amounts) = ([const { Vec::new() }; 4], Vec::new());
    for (values, cell) in cells {
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(*value));
        cell.write(&mut amounts);
    }
    let count = columns[0].len();
    columns[0].iter_mut().for_each(|number| *number = ColumnKind::Time.raw(step.start(*number)));
    let fields = [Field::OccurredAt, Field::Instance].into_iter().chain(cut.fields().iter().copied());
    NewPart { key, cells: pack_cells(count, fields.zip(columns)), amounts }
}

/// Repairs the runs: what is missing or damaged is computed again from the entries. If the entries are removed, the run
/// stays as it is, and answers report what is missing. `pruned` and `next` are the ends of the log.
pub(crate) fn repair(log: &dyn Transaction, pruned: u64, next: u64) -> Result<(), StoreError> {
    let (now, mut before) = (log.snapshot(), None);
    let large = now.block_length() * MERGED;
    for run in now.runs()? {
        let is_next = before.map_or(run.first <= pruned, |before| before == run.first);
        let is_whole = run.checksum == run.computed_checksum() && run.length <= large && is_next && run.end() <= next;
        let whole = if is_whole { run.check(now) } else { Err(run.damaged()) };
        before = Some(run.end());
        match whole {
            Err(error) if !error.is_index() => return Err(error),
            Err(_) if run.start() >= pruned => {
                tracing::error!(first = run.first, "usage is rebuilt from the entries");
                log.remove(Removable::Runs(run.start()..END))?;
                break;
            }
            Err(_) => tracing::error!(first = run.first, "usage is damaged, and its entries are gone"),
            Ok(()) => {}
        }
    }
    // Removes parts whose run is missing.
    log.remove(Removable::Runs(end(now)?..END))?;
    append(log, blocks::end(now)?.unwrap_or(0))
}

/// Removes the oldest run if all of it was recorded before this moment and its entries are removed. Returns whether it
/// removed one.
pub(crate) fn prune(log: &dyn Transaction, before: Option<Timestamp>) -> Result<bool, StoreError> {
    let Some(before) = before else { return Ok(false) };
    let (head, runs) = (log.snapshot().head()?, log.snapshot().runs()?);
    let Some(oldest) = runs.first() else { return Ok(false) };
    if oldest.recorded >= before.as_micros() || oldest.end() > head.pruned {
        return Ok(false);
    }
    let until = oldest.recorded.max(oldest.most.saturating_add(HOUR)).max(head.usage_until.unwrap_or(oldest.most));
    log.put_head(HeadChange::UsagePruned { below: oldest.end(), until })?;
    log.remove(Removable::Runs(0..oldest.end()))?;
    Ok(true)
}

/// The numbers of texts of `field` that usage uses.
pub(crate) fn used(log: &dyn Snapshot, field: Field) -> Result<BTreeSet<u64>, StoreError> {
    let mut used = BTreeSet::new();
    for run in log.runs()?.into_iter().filter(|_| dimensions().any(|other| other == field)) {
        for key in run.keys(log, bits(&[field]), true, None) {
            if let Some(Zone::Values(values)) = run.cells(log, key)?.0.zone(log, field)? {
                used.extend(values);
            }
        }
    }
    Ok(used)
}
