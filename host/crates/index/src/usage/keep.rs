//! Runs are made from entries, made again where they are damaged, and removed by retention.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cells::{Cell, Cut, bits, pack_cells};
use super::{DIMENSIONS, HOUR, floor, runs};
use crate::columns::{Kind, MERGED, Zone};
use crate::dictionary::Texts;
use crate::search::axis::{Axis, start_of};
use crate::search::block_scan::BlockScan;
use crate::search::plan::Plan;
use crate::search::slots::Slots;
use crate::search::total::{Entries, raws};
use crate::search::{blocks, seqs};
use crate::snapshot::{PartKey, Snapshot, StoredRun};
use crate::transaction::{HeadChange, NewPart, Removable, Transaction};
use crate::{StoreError, UsageStep, failures, requests};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// Behind every run.
const END: u64 = i64::MAX.cast_unsigned();

/// Aggregates what the large blocks below `end` hold.
pub(crate) fn append(log: &dyn Transaction, end: u64) -> Result<(), StoreError> {
    let large = log.snapshot().block_length() * MERGED;
    loop {
        let first = runs::end(log.snapshot())?;
        let next = (first / large + 1) * large;
        if next > end {
            return Ok(());
        }
        aggregate(log, first..next)?;
    }
}

/// Aggregates some of what is about to be removed, if that is not done yet: whatever was recorded before this moment. It
/// is at least what a step of the cleanup removes.
pub(crate) fn append_before(log: &dyn Transaction, moment: Option<Timestamp>) -> Result<(), StoreError> {
    let Some(moment) = moment else { return Ok(()) };
    let now = log.snapshot();
    let first = runs::end(now)?;
    let end = seqs::seq_at(now, moment)?.min(first + now.block_length() * MERGED);
    if end > first { aggregate(log, first..end) } else { Ok(()) }
}

/// Stores the requests at these seqs as a run.
fn aggregate(log: &dyn Transaction, seqs: Range<u64>) -> Result<(), StoreError> {
    let now = log.snapshot();
    let (plan, failed) =
        (Plan::new(now, &Texts::default(), &requests())?, Plan::new(now, &Texts::default(), &failures())?);
    let mut fields: BTreeSet<_> = Entries::FIELDS.into_iter().chain(DIMENSIONS).collect();
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
        let entries = Entries::new(now, block, &found, failed.find(now, block, found.clone())?, &Entries::FIELDS)?;
        let times = raws(now, block, Field::OccurredAt, &found)?;
        for row in found.places() {
            let hour = floor(Kind::Time.stored(times[row as usize]), HOUR);
            let is_first = run.least > run.most;
            run.least = if is_first { hour } else { run.least.min(hour) };
            run.most = if is_first { hour } else { run.most.max(hour) };
        }
        for field in DIMENSIONS {
            if raws(now, block, field, &found)?.iter().any(|raw| *raw > 0) {
                run.fields |= bits(&[field]);
            }
        }
        blocks.push((block, found, entries));
    }
    let mut parts = Vec::new();
    for (cut, by_day) in run.kept() {
        // The time, the instance, the cut's own dimensions: the user first.
        let (mut slots, mut cells) = (Slots::<4>::new(usize::MAX), Vec::<Cell>::new());
        let step = if by_day { UsageStep::Day } else { UsageStep::Hour };
        for (block, found, entries) in &blocks {
            let axis = |field: Option<&Field>| field.map_or(Ok(Axis::One), |field| Axis::numbers(now, block, *field));
            let (time, instance) = (axis(Some(&Field::OccurredAt))?.by_step(step), axis(Some(&Field::Instance))?);
            let (first, second) = (axis(cut.fields().first())?, axis(cut.fields().get(1))?);
            let users = if cut.has_users() { Vec::new() } else { raws(now, block, Field::User, found)? };
            let counted = slots.each([&time, &instance, &first, &second], found, |slot, row| {
                if slot == cells.len() {
                    cells.push(Cell::default());
                }
                let cell = &mut cells[slot];
                cell.sums.add(&entries.sums(row));
                cell.buckets.extend(entries.bucket(row).map(|bucket| bucket as u16));
                cell.users.extend(users.get(row).filter(|user| **user > 0));
            });
            counted.ok_or(StoreError::TooManyValues)?;
        }
        let shares = run.keys(now, bits(cut.fields()), by_day, None);
        let divided = shares.len() as u64;
        for key in shares {
            let of_share = |(key_of, _): &(&[u64; 4], &mut Cell)| key_of[2] % divided == key.share || divided == 1;
            let of_share = slots.keys.iter().zip(&mut cells).filter(of_share);
            parts.push(part(key, cut, step, of_share));
        }
    }
    runs::append(log, run, parts)
}

/// The part with these cells.
fn part<'c>(
    key: PartKey,
    cut: Cut,
    step: UsageStep,
    cells: impl Iterator<Item = (&'c [u64; 4], &'c mut Cell)>,
) -> NewPart {
    let (mut columns, mut amounts) = ([const { Vec::new() }; 4], Vec::new());
    for (values, cell) in cells {
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(*value));
        cell.write(&mut amounts);
    }
    let count = columns[0].len();
    columns[0].iter_mut().for_each(|number| *number = Kind::Time.raw(start_of(step, *number)));
    let fields = [Field::OccurredAt, Field::Instance].into_iter().chain(cut.fields().iter().copied());
    NewPart { key, cells: pack_cells(count, fields.zip(columns)), amounts }
}

/// Makes the runs whole: what is missing or damaged is made again from the entries. What the entries do not say any more
/// stays as it is, and answers report that they lack it. `pruned` and `next` are the log's ends.
pub(crate) fn repair(log: &dyn Transaction, pruned: u64, next: u64) -> Result<(), StoreError> {
    let (now, mut before) = (log.snapshot(), None);
    let large = now.block_length() * MERGED;
    for run in now.runs()? {
        let is_next = before.map_or(run.first <= pruned, |before| before == run.first);
        let is_whole = run.checksum == run.sealed() && run.length <= large && is_next && run.end() <= next;
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
    // Parts whose run is gone.
    log.remove(Removable::Runs(runs::end(now)?..END))?;
    append(log, blocks::end(now)?.unwrap_or(0))
}

/// Removes the oldest run if all of it was recorded before this moment and its entries are gone. Returns whether there
/// was one.
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

/// The numbers of texts of `field` that usage has.
pub(crate) fn used(log: &dyn Snapshot, field: Field) -> Result<BTreeSet<u64>, StoreError> {
    let mut used = BTreeSet::new();
    for run in log.runs()?.into_iter().filter(|_| DIMENSIONS.contains(&field)) {
        for key in run.keys(log, bits(&[field]), true, None) {
            if let Some(Zone::Values(values)) = run.cells(log, key)?.0.zone(log, field)? {
                used.extend(values);
            }
        }
    }
    Ok(used)
}
