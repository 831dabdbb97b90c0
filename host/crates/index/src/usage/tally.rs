//! Sums by key while cells and entries are gone through.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::lot::{Amounts, Lot};
use super::measures::{MEASURES, Measure, Sums, add};
use crate::columns::Kind;
use crate::search::axis::Axis;
use crate::snapshot::Snapshot;
use crate::{Figures, StoreError, UsageStep};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::histogram::{self, BUCKETS};

/// Most keys of one question.
const MAX_KEYS: usize = 1 << 20;
/// Most keys whose durations are counted: points of a series, values of a field that has few, rows that are shown.
const MAX_TIMED: usize = 1 << 12;
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

/// What is counted of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// That it is there.
    Presence,
    Sums,
    /// How long the requests took, apart from their sum.
    Durations,
    /// Both.
    All,
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

impl Detail {
    pub(super) fn sums(self) -> bool {
        matches!(self, Self::Sums | Self::All)
    }

    pub(super) fn durations(self) -> bool {
        matches!(self, Self::Durations | Self::All)
    }
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

    /// Whether how long the requests took was counted.
    pub(super) fn has_durations(&self) -> bool {
        self.detail.durations()
    }

    /// Counts what was found in a block of entries or cells.
    pub(super) fn add(&mut self, log: &dyn Snapshot, lot: Lot<'_>) -> Result<(), StoreError> {
        let axis = self.by.field().map_or(Ok(Axis::One), |field| Axis::numbers(log, lot.block, field))?;
        let mut table = if axis.size() <= TABLE { vec![NEW; axis.size()] } else { Vec::new() };
        for (word, bits) in lot.found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
            let mut slots = [NEW; 64];
            let codes = axis.claims(word);
            for bit in ones(*bits) {
                slots[bit] = self.slot_of(&axis, codes[bit], &mut table)?;
            }
            if self.detail.sums() {
                self.sum(&slots, *bits, word, &lot.amounts);
            }
            if self.detail.durations() {
                self.time(&slots, *bits, word, &lot.amounts);
            }
        }
        Ok(())
    }

    fn slot_of(&mut self, axis: &Axis, code: u64, table: &mut [u32]) -> Result<u32, StoreError> {
        let known = table.get(code as usize).copied().filter(|slot| *slot != NEW);
        let slot = known.map_or_else(|| self.slot(self.by.key(axis.raw(code))), Ok)?;
        if let Some(entry) = table.get_mut(code as usize) {
            *entry = slot;
        }
        Ok(slot)
    }

    fn sum(&mut self, slots: &[u32; 64], bits: u64, word: usize, amounts: &Amounts) {
        for measure in Measure::ALL {
            let Some(values) = amounts.values(measure, word) else { continue };
            for bit in ones(bits) {
                let sum = &mut self.sums[slots[bit] as usize][measure as usize];
                *sum =
                    if measure == Measure::Longest { values[bit].max(*sum) } else { sum.saturating_add(values[bit]) };
            }
        }
    }

    /// Adds how long the requests of a word's rows took.
    fn time(&mut self, slots: &[u32; 64], bits: u64, word: usize, amounts: &Amounts) {
        let buckets = |slot: u32| slot as usize * BUCKETS..(slot as usize + 1) * BUCKETS;
        match amounts {
            Amounts::Entries(entries) => {
                let (timed, micros) = (entries.values(Measure::Timed, word), entries.values(Measure::Micros, word));
                let (Some(timed), Some(micros)) = (timed, micros) else { return };
                for bit in ones(bits).filter(|bit| timed[*bit] > 0) {
                    self.buckets[buckets(slots[bit])][histogram::bucket(micros[bit])] += 1;
                }
            }
            Amounts::Cells(_, Some(durations)) => {
                ones(bits).for_each(|bit| durations.add(word * 64 + bit, &mut self.buckets[buckets(slots[bit])]));
            }
            Amounts::Cells(_, None) => {}
        }
    }

    fn slot(&mut self, key: u64) -> Result<u32, StoreError> {
        if let Some(slot) = self.numbers.get(&key) {
            return Ok(*slot);
        }
        if self.keys.len() == if self.detail.durations() { MAX_TIMED } else { MAX_KEYS } {
            return Err(StoreError::TooManyValues);
        }
        let slot = self.keys.len() as u32;
        self.numbers.insert(key, slot);
        self.keys.push(key);
        self.sums.push([0; MEASURES]);
        if self.detail.durations() {
            self.buckets.resize(self.buckets.len() + BUCKETS, 0);
        }
        Ok(slot)
    }

    /// What was counted of `key`; nothing where it did not come.
    pub(super) fn figures(&self, key: u64) -> Figures {
        self.with(key, self)
    }

    /// The same with durations that were counted apart.
    pub(super) fn with(&self, key: u64, durations: &Self) -> Figures {
        let slot = |tally: &Self| tally.numbers.get(&key).map(|slot| *slot as usize);
        let Some(at) = slot(self) else { return Figures::default() };
        let buckets = slot(durations).and_then(|slot| durations.buckets.get(slot * BUCKETS..(slot + 1) * BUCKETS));
        figures(&self.sums[at], buckets.unwrap_or_default())
    }

    /// What was counted of all keys together.
    pub(super) fn total(&self) -> Figures {
        let (mut sums, mut buckets) = ([0; MEASURES], vec![0_u32; BUCKETS]);
        self.sums.iter().for_each(|more| add(&mut sums, more));
        for more in self.buckets.chunks_exact(BUCKETS) {
            buckets.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        }
        figures(&sums, &buckets)
    }
}

fn figures(sums: &Sums, buckets: &[u32]) -> Figures {
    let of = |measure: Measure| sums[measure as usize];
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

/// The places of the bits that are set.
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (bits != 0).then_some(bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        bit
    })
}
