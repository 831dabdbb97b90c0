//! What is counted of requests.

use std::cell::OnceCell;

use crate::StoreError;
use crate::columns::Bitmap;
use crate::search::axis::Axis;
use crate::search::blocks::Block;
use crate::snapshot::Snapshot;
use mcp_audit_log_model::field::Field;

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
    found: Bitmap,
    errors: Bitmap,
    numbers: [Numbers; NUMBERS.len()],
}

/// A column's numbers where entries were found. They are one more than the values, so that nothing is not 0.
struct Numbers {
    axis: Axis,
    /// Made of bit planes where they are first asked for: several questions are about the same entries.
    words: OnceCell<Vec<[u64; 64]>>,
}

/// The fields that they are read from, beside the outcome.
pub(super) const NUMBERS: [Field; 4] = [Field::DurationUs, Field::InputTokens, Field::OutputTokens, Field::CostMicros];

impl OfEntries {
    /// Of those that were found, `errors` are the ones that failed.
    pub(super) fn new(log: &dyn Snapshot, block: &Block, found: &Bitmap, errors: Bitmap) -> Result<Self, StoreError> {
        let numbers = |field| Ok(Numbers { axis: Axis::numbers(log, block, field)?, words: OnceCell::new() });
        let [micros, input, output, cost] = NUMBERS;
        let numbers = [numbers(micros)?, numbers(input)?, numbers(output)?, numbers(cost)?];
        Ok(Self { found: found.clone(), errors, numbers })
    }

    /// One measure of the 64 entries of a word; `None` where none of them has any.
    pub(super) fn values(&self, measure: Measure, word: usize) -> Option<[u64; 64]> {
        let raw = |numbers: &Numbers| numbers.word(&self.found, word);
        let value = |numbers: &Numbers| Some(raw(numbers)?.map(|number| number.saturating_sub(1)));
        let [micros, input, output, cost] = &self.numbers;
        match measure {
            Measure::Requests => Some([1; 64]),
            Measure::Errors => {
                let errors = self.errors.words().get(word).filter(|errors| **errors > 0)?;
                Some(std::array::from_fn(|bit| errors >> bit & 1))
            }
            Measure::Timed => Some(raw(micros)?.map(|number| number.min(1))),
            Measure::Micros | Measure::Longest => value(micros),
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

impl Numbers {
    /// Those of a word; `None` where the column has none.
    fn word(&self, found: &Bitmap, word: usize) -> Option<[u64; 64]> {
        if matches!(self.axis, Axis::One) {
            return None;
        }
        let of_word = |(word, bits): (usize, &u64)| if *bits == 0 { [0; 64] } else { self.axis.raws(word) };
        let words = self.words.get_or_init(|| found.words().iter().enumerate().map(of_word).collect());
        words.get(word).copied()
    }
}
