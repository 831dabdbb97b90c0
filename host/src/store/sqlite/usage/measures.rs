//! What is counted of requests, and of cells of them.

use super::super::axis::Axis;
use super::super::blocks::Block;
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

    /// Its column's number, behind those of the fields, of which there is room for 64.
    pub(super) fn column(self) -> u64 {
        64 + self as u64
    }
}

/// Adds `more` to `sums`.
pub(super) fn add(sums: &mut Sums, more: &Sums) {
    for measure in Measure::ALL {
        let (sum, more) = (&mut sums[measure as usize], more[measure as usize]);
        *sum = if measure == Measure::Longest { more.max(*sum) } else { sum.saturating_add(more) };
    }
}

/// The measures of a single request.
pub(super) fn of_request(error: bool, micros: Option<u64>, tokens_and_cost: [u64; 3]) -> Sums {
    let [input, output, cost] = tokens_and_cost;
    let length = micros.unwrap_or(0);
    [1, error.into(), micros.is_some().into(), length, length, input, output, cost]
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

    /// Of the 64 entries of a word.
    pub(super) fn word(&self, word: usize) -> [Sums; 64] {
        let errors = self.errors.words().get(word).copied().unwrap_or(0);
        let micros = self.micros.codes(word);
        let others = self.others.each_ref().map(|axis| axis.codes(word).map(|code| axis.raw(code).saturating_sub(1)));
        std::array::from_fn(|bit| {
            let micros = self.micros.raw(micros[bit]).checked_sub(1);
            of_request(errors >> bit & 1 == 1, micros, others.each_ref().map(|axis| axis[bit]))
        })
    }
}

/// The measures of the 64 cells of a word.
pub(super) fn of_cells(measures: &[Axis; MEASURES], word: usize) -> [Sums; 64] {
    let mut sums = [[0; MEASURES]; 64];
    for (at, axis) in measures.iter().enumerate().filter(|(_, axis)| !matches!(axis, Axis::One)) {
        for (sums, code) in sums.iter_mut().zip(axis.codes(word)) {
            sums[at] = axis.raw(code);
        }
    }
    sums
}
