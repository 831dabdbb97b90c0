//! Groups: one pass over the columns of what matches. Rows of closed blocks are read only where the filter itself needs
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::axis::Axis;
use super::block_scan::BlockScan;
use super::blocks::Block;
use super::plan::Plan;
use crate::columns::Bitmap;
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::{Group, GroupBy, GroupQuery, GroupSort, Groups, MAX_GROUPS, StoreError, failures};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::histogram::{self, BUCKETS};

/// Combinations of a block's values up to which they stand in a table.
const TABLE: usize = 1 << 20;
/// A group that has no number yet.
const NEW: u32 = u32::MAX;

/// The groups that `query` asks for.
pub(crate) fn groups(log: &dyn Snapshot, texts: &Texts, query: &GroupQuery) -> Result<Groups, StoreError> {
    let plan = Plan::new(log, texts, &query.domain)?;
    let failed = Plan::new(log, texts, &failures())?;
    let mut fields: BTreeSet<_> = query.by.iter().map(|by| Axis::field(*by)).collect();
    plan.fields(&mut fields);
    fields.extend([Field::Outcome, Field::DurationUs]);
    let mut tallies = Tallies::default();
    let walk = BlockScan::new(log, 0..u64::MAX, &fields)?;
    for (block, within) in walk.blocks() {
        let found = plan.find(log, block, within)?;
        if !found.is_empty() {
            let errors = failed.find(log, block, found.clone())?;
            tallies.add(log, block, &query.by, &found, &errors)?;
        }
    }
    tallies.finish(log, texts, query)
}

/// What is counted of one group.
#[derive(Clone, Default)]
struct Tally {
    count: u64,
    errors: u64,
    /// Entries that say how long they took, and how long together.
    timed: u64,
    micros: u64,
    /// The slowest of them.
    longest: u64,
}

/// All groups found so far.
#[derive(Default)]
struct Tallies {
    numbers: HashMap<[u64; 2], u32>,
    keys: Vec<[u64; 2]>,
    tallies: Vec<Tally>,
    /// The histograms of all groups, one after the other.
    buckets: Vec<u32>,
}

impl Tallies {
    /// Counts the entries of a block.
    fn add(
        &mut self,
        log: &dyn Snapshot,
        block: &Block,
        by: &[GroupBy],
        found: &Bitmap,
        errors: &Bitmap,
    ) -> Result<(), StoreError> {
        let first = Axis::new(log, block, by.first().copied())?;
        let second = Axis::new(log, block, by.get(1).copied())?;
        let durations = Axis::numbers(log, block, Field::DurationUs)?;
        let mut slots = Slots::new(&first, &second);
        for (word, (found, errors)) in found.words().iter().zip(errors.words()).enumerate() {
            if *found == 0 {
                continue;
            }
            let (left, right, micros) = (first.codes(word), second.codes(word), durations.codes(word));
            let mut rest = *found;
            while rest != 0 {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let slot =
                    slots.get(left[bit], right[bit], || self.slot([first.raw(left[bit]), second.raw(right[bit])]))?;
                self.count(slot, errors >> bit & 1, durations.raw(micros[bit]).checked_sub(1));
            }
        }
        Ok(())
    }

    fn count(&mut self, slot: u32, error: u64, micros: Option<u64>) {
        let tally = &mut self.tallies[slot as usize];
        tally.count += 1;
        tally.errors += error;
        if let Some(micros) = micros {
            tally.timed += 1;
            tally.micros = tally.micros.saturating_add(micros);
            tally.longest = tally.longest.max(micros);
            self.buckets[slot as usize * BUCKETS + histogram::bucket(micros)] += 1;
        }
    }

    /// The number of a group.
    fn slot(&mut self, key: [u64; 2]) -> Result<u32, StoreError> {
        if let Some(slot) = self.numbers.get(&key) {
            return Ok(*slot);
        }
        if self.keys.len() == MAX_GROUPS {
            return Err(StoreError::TooManyGroups);
        }
        let slot = self.keys.len() as u32;
        self.numbers.insert(key, slot);
        self.keys.push(key);
        self.tallies.push(Tally::default());
        self.buckets.resize(self.buckets.len() + BUCKETS, 0);
        Ok(slot)
    }

    /// The groups in the order that was asked for, as many as were asked for.
    fn finish(&self, log: &dyn Snapshot, texts: &Texts, query: &GroupQuery) -> Result<Groups, StoreError> {
        let groups = self.keys.iter().zip(&self.tallies).zip(self.buckets.chunks_exact(BUCKETS));
        let mut groups: Vec<_> = groups
            .map(|((key, tally), buckets)| {
                let average_us = tally.micros.checked_div(tally.timed);
                let Tally { count, errors, longest, .. } = *tally;
                let p95_us = histogram::quantile(buckets, 95).map(|micros| micros.min(longest));
                (*key, Group { keys: Vec::new(), count, errors, average_us, p95_us })
            })
            .collect();
        let (found, entries) = (groups.len(), self.tallies.iter().map(|tally| tally.count).sum());
        let named = |(key, mut group): ([u64; 2], Group)| {
            let keys = query.by.iter().zip(key).map(|(by, raw)| Axis::value(log, texts, *by, raw));
            group.keys = keys.collect::<Result<_, StoreError>>()?;
            Ok(group)
        };
        // Texts are looked up for those that are shown; only their order needs all of them.
        let mut groups: Vec<Group> = match query.sort {
            GroupSort::Key => {
                let mut groups = groups.into_iter().map(named).collect::<Result<Vec<_>, StoreError>>()?;
                groups.sort_by(|left, right| left.keys.cmp(&right.keys));
                groups
            }
            sort => {
                groups.sort_by_key(|(key, group)| (std::cmp::Reverse(weight(sort, group)), *key));
                groups.into_iter().take(query.limit).map(named).collect::<Result<_, StoreError>>()?
            }
        };
        groups.truncate(query.limit);
        Ok(Groups { groups, found, entries })
    }
}

fn weight(sort: GroupSort, group: &Group) -> (Option<u64>, u64) {
    match sort {
        GroupSort::Errors => (Some(group.errors), group.count),
        GroupSort::Average => (group.average_us, group.count),
        GroupSort::P95 => (group.p95_us, group.count),
        GroupSort::Count | GroupSort::Key => (Some(group.count), group.errors),
    }
}

/// From a block's codes to numbers of groups.
enum Slots {
    Table { width: usize, slots: Vec<u32> },
    Map(BTreeMap<(u64, u64), u32>),
}

impl Slots {
    fn new(first: &Axis, second: &Axis) -> Self {
        match first.size().checked_mul(second.size()).filter(|size| *size <= TABLE) {
            Some(size) => Self::Table { width: second.size(), slots: vec![NEW; size] },
            None => Self::Map(BTreeMap::new()),
        }
    }

    fn get(
        &mut self,
        left: u64,
        right: u64,
        make: impl FnOnce() -> Result<u32, StoreError>,
    ) -> Result<u32, StoreError> {
        match self {
            Self::Table { width, slots } => {
                let slot = &mut slots[left as usize * *width + right as usize];
                if *slot == NEW {
                    *slot = make()?;
                }
                Ok(*slot)
            }
            Self::Map(slots) => match slots.get(&(left, right)) {
                Some(slot) => Ok(*slot),
                None => {
                    let slot = make()?;
                    slots.insert((left, right), slot);
                    Ok(slot)
                }
            },
        }
    }
}
