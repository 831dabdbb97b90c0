//! Sums by key while cells and entries are gone through.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::Connection;

use super::super::axis::Axis;
use super::ask::{Amounts, Lot};
use super::measures::{self, MEASURES, Measure, Sums};
use crate::field::Field;
use crate::histogram::{self, BUCKETS};
use crate::store::index::Kind;
use crate::store::{Figures, StoreError, UsageStep};

/// Most keys of one question.
const MAX_KEYS: usize = 1 << 20;
/// Codes of a block up to which their keys stand in a table.
const TABLE: usize = 1 << 16;
/// A code whose key was not asked for yet.
const NEW: u32 = u32::MAX;

/// What requests are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Nothing,
    Field(Field),
    Step(UsageStep),
}

/// How much is counted of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// That it is there.
    Presence,
    Sums,
    /// And how long the requests took.
    Durations,
}

/// Keys and what is counted of each.
pub(super) struct Tally {
    by: By,
    detail: Detail,
    numbers: HashMap<u64, u32, RandomState>,
    pub(super) keys: Vec<u64>,
    sums: Vec<Sums>,
    /// The histograms of all keys, one after the other.
    buckets: Vec<u32>,
}

impl By {
    fn field(self) -> Option<Field> {
        match self {
            Self::Nothing => None,
            Self::Field(field) => Some(field),
            Self::Step(_) => Some(Field::OccurredAt),
        }
    }

    /// The key of a column's number: that number, or the step's beginning.
    fn key(self, raw: u64) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Field(_) => raw,
            Self::Step(step) => Kind::Time.raw(step.start(Kind::Time.stored(raw))),
        }
    }
}

impl Tally {
    pub(super) fn new(by: By, detail: Detail) -> Self {
        Self { by, detail, numbers: HashMap::default(), keys: Vec::new(), sums: Vec::new(), buckets: Vec::new() }
    }

    /// Counts what was found in a block of entries or cells.
    pub(super) fn add(&mut self, connection: &Connection, mut lot: Lot<'_>) -> Result<(), StoreError> {
        let axis = self.by.field().map_or(Ok(Axis::One), |field| Axis::numbers(connection, lot.block, field))?;
        let mut table = if axis.size() <= TABLE { vec![NEW; axis.size()] } else { Vec::new() };
        for (word, bits) in lot.found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
            let codes = axis.codes(word);
            let sums = if self.detail == Detail::Presence { None } else { Some(lot.amounts.word(word)) };
            for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
                let code = codes[bit];
                let known = table.get(code as usize).copied().filter(|slot| *slot != NEW);
                let slot = known.map_or_else(|| self.slot(self.by.key(axis.raw(code))), Ok)?;
                if let Some(entry) = table.get_mut(code as usize) {
                    *entry = slot;
                }
                if let Some(sums) = &sums {
                    self.count(slot as usize, word * 64 + bit, &sums[bit], &mut lot.amounts);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, slot: usize, row: usize, sums: &Sums, amounts: &mut Amounts<'_>) {
        measures::add(&mut self.sums[slot], sums);
        if self.detail == Detail::Durations {
            let buckets = &mut self.buckets[slot * BUCKETS..(slot + 1) * BUCKETS];
            amounts.durations(row, sums, buckets);
        }
    }

    fn slot(&mut self, key: u64) -> Result<u32, StoreError> {
        if let Some(slot) = self.numbers.get(&key) {
            return Ok(*slot);
        }
        if self.keys.len() == MAX_KEYS {
            return Err(StoreError::TooManyValues);
        }
        let slot = self.keys.len() as u32;
        self.numbers.insert(key, slot);
        self.keys.push(key);
        self.sums.push([0; MEASURES]);
        if self.detail == Detail::Durations {
            self.buckets.resize(self.buckets.len() + BUCKETS, 0);
        }
        Ok(slot)
    }

    /// What was counted of `key`; nothing where it did not come.
    pub(super) fn figures(&self, key: u64) -> Figures {
        let Some(slot) = self.numbers.get(&key).map(|slot| *slot as usize) else { return Figures::default() };
        let sums = &self.sums[slot];
        let of = |measure: Measure| sums[measure as usize];
        let buckets = self.buckets.get(slot * BUCKETS..(slot + 1) * BUCKETS).unwrap_or_default();
        let quantile = |percent| histogram::quantile(buckets, percent).map(|micros| micros.min(of(Measure::Longest)));
        Figures {
            requests: of(Measure::Requests),
            errors: of(Measure::Errors),
            average_us: of(Measure::Micros).checked_div(of(Measure::Timed)),
            p50_us: quantile(50),
            p95_us: quantile(95),
            p99_us: quantile(99),
            input_tokens: of(Measure::InputTokens),
            output_tokens: of(Measure::OutputTokens),
            cost_micros: of(Measure::CostMicros),
        }
    }
}
