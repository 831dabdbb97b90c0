//! What is counted of requests, and of cells of them.

use super::super::axis::Axis;
use super::super::blocks::Block;
use super::cells::Packed;
use crate::field::Field;
use crate::store::StoreError;
use crate::store::index::Bitmap;
use rusqlite::Connection;

/// A sum over requests, or a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Requests,
    /// Those that are not a success.
    Errors,
    /// Those that say how long they took.
    Timed,
    /// How long these took together, in microseconds.
    Micros,
    /// How long the slowest took.
    Longest,
    InputTokens,
    OutputTokens,
    CostMicros,
}

/// How many measures there are.
pub(super) const MEASURES: usize = Measure::ALL.len();

/// A value for each measure.
pub(super) type Sums = [u64; MEASURES];

impl Measure {
    pub(super) const ALL: [Self; 8] = [
        Self::Requests,
        Self::Errors,
        Self::Timed,
        Self::Micros,
        Self::Longest,
        Self::InputTokens,
        Self::OutputTokens,
        Self::CostMicros,
    ];
}

/// Adds `more` to `sums`.
pub(super) fn add(sums: &mut Sums, more: &Sums) {
    for measure in Measure::ALL {
        let (sum, more) = (&mut sums[measure as usize], more[measure as usize]);
        *sum = if measure == Measure::Longest { more.max(*sum) } else { sum.saturating_add(more) };
    }
}

/// The measures of a block's entries.
pub(super) struct OfEntries {
    errors: Bitmap,
    micros: Axis,
    others: [Axis; 3],
}

/// The fields that they are read from, beside the outcome.
pub(super) const NUMBERS: [Field; 4] = [Field::DurationUs, Field::InputTokens, Field::OutputTokens, Field::CostMicros];

impl OfEntries {
    pub(super) fn new(connection: &Connection, block: &Block, errors: Bitmap) -> Result<Self, StoreError> {
        let axis = |field| Axis::numbers(connection, block, field);
        let [micros, input, output, cost] = NUMBERS;
        Ok(Self { errors, micros: axis(micros)?, others: [axis(input)?, axis(output)?, axis(cost)?] })
    }

    /// One measure of the 64 entries of a word; `None` where none of them has any.
    pub(super) fn values(&self, measure: Measure, word: usize) -> Option<[u64; 64]> {
        // A column's numbers are one more than the values, so that nothing is not 0.
        let value = |axis: &Axis| Some(numbers(axis, word)?.map(|number| number.saturating_sub(1)));
        let [input, output, cost] = &self.others;
        match measure {
            Measure::Requests => Some([1; 64]),
            Measure::Errors => {
                let errors = self.errors.words().get(word).filter(|errors| **errors > 0)?;
                Some(std::array::from_fn(|bit| errors >> bit & 1))
            }
            Measure::Timed => Some(numbers(&self.micros, word)?.map(|number| number.min(1))),
            Measure::Micros | Measure::Longest => value(&self.micros),
            Measure::InputTokens => value(input),
            Measure::OutputTokens => value(output),
            Measure::CostMicros => value(cost),
        }
    }

    /// All measures of the 64 entries of a word.
    pub(super) fn word(&self, word: usize) -> [Sums; 64] {
        let mut sums = [[0; MEASURES]; 64];
        for measure in Measure::ALL {
            let values = self.values(measure, word).unwrap_or([0; 64]);
            sums.iter_mut().zip(values).for_each(|(sums, value)| sums[measure as usize] = value);
        }
        sums
    }
}

/// The measures of cells.
pub(super) struct OfCells([Axis; MEASURES]);

impl OfCells {
    /// The measures in stored bytes; `None` when they are none of so many cells.
    pub(super) fn from_bytes(bytes: &[u8], cells: u64) -> Option<Self> {
        let mut packed = Packed::from_bytes(bytes).filter(|packed| packed.length == cells)?;
        let mut measures = [const { Axis::One }; MEASURES];
        for measure in Measure::ALL {
            measures[measure as usize] = packed.axis(measure as u64)?;
        }
        Some(Self(measures))
    }

    /// One measure of the 64 cells of a word; `None` where none of them has any.
    pub(super) fn values(&self, measure: Measure, word: usize) -> Option<[u64; 64]> {
        numbers(&self.0[measure as usize], word)
    }

    /// How many requests these cells are of.
    pub(super) fn requests(&self, cells: &Bitmap) -> u64 {
        let requests = &self.0[Measure::Requests as usize];
        let of = |place: u64| requests.raw(requests.codes(place as usize / 64)[place as usize % 64]);
        cells.places().map(of).sum()
    }
}

fn numbers(axis: &Axis, word: usize) -> Option<[u64; 64]> {
    (!matches!(axis, Axis::One)).then(|| axis.raws(word))
}
