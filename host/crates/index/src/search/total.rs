//! Counters of entries that share a key: sums, a histogram of their durations, their users.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::axis::Axis;
use super::blocks::Block;
use super::keyed_counts::ones;
use crate::StoreError;
use crate::columns::Bitmap;
use crate::snapshot::Snapshot;
use mcp_audit_log_filter::{Domain, Term, Test};
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::histogram::{self, BUCKETS};

/// Sums over entries. Their order is part of the stored format of usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) entries: u64,
    /// The number of entries that are not a success.
    pub(crate) errors: u64,
    /// The number of entries that have a duration.
    pub(crate) timed: u64,
    /// The sum of all durations, in microseconds.
    pub(crate) micros: u64,
    /// The longest duration.
    pub(crate) longest: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_micros: u64,
}

/// The counters of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) sums: Sums,
    /// The number of durations in each bucket, and the users; `None` if only sums are needed.
    buckets: Vec<u32>,
    users: UserSet,
}

/// A set of users by their numbers, 64 to a word: the count is exact, however many cells contain the same user.
type UserSet = HashMap<u64, u64, RandomState>;

/// Rows of a block, with the amounts that each adds to the counters.
pub(crate) trait Amounts {
    /// Adds this row.
    fn add(&self, row: usize, to: &mut Total);
}

/// The numbers of a block's entries in the requested fields.
pub(crate) struct EntryAmounts {
    errors: Bitmap,
    /// The value plus one, or 0 if it is not set.
    numbers: [Vec<u64>; 4],
}

/// The entries that count as errors, in usage and in groups.
pub(crate) fn failures() -> Domain {
    let failed = Test::In(Outcome::FAILED.map(|outcome| outcome.as_str().into()).into());
    Domain::Term(Term { field: Field::Outcome, test: failed })
}

impl Sums {
    /// Adds the counters of `more`.
    pub(crate) fn add(&mut self, more: &Self) {
        let longest = self.longest.max(more.longest);
        let (sums, more) = (self.to_numbers(), more.to_numbers());
        *self = Self::from_numbers(std::array::from_fn(|at| sums[at].saturating_add(more[at])));
        self.longest = longest;
    }

    /// Adds an entry, and returns the bucket of its duration. `duration` is the column's number.
    #[inline]
    pub(crate) fn add_entry(&mut self, failed: bool, duration: u64) -> Option<usize> {
        self.entries += 1;
        self.errors += u64::from(failed);
        let micros = duration.checked_sub(1)?;
        self.timed += 1;
        self.micros = self.micros.saturating_add(micros);
        self.longest = self.longest.max(micros);
        Some(histogram::bucket(micros))
    }

    /// The average duration, rounded down.
    pub(crate) fn average(&self) -> Option<u64> {
        self.micros.checked_div(self.timed)
    }

    pub(crate) fn to_numbers(self) -> [u64; 8] {
        let Self { entries, errors, timed, micros, longest, input_tokens, output_tokens, cost_micros } = self;
        [entries, errors, timed, micros, longest, input_tokens, output_tokens, cost_micros]
    }

    pub(crate) fn from_numbers(numbers: [u64; 8]) -> Self {
        let [entries, errors, timed, micros, longest, input_tokens, output_tokens, cost_micros] = numbers;
        Self { entries, errors, timed, micros, longest, input_tokens, output_tokens, cost_micros }
    }
}

impl Total {
    /// Only sums, or all counters.
    pub(crate) fn new(is_full: bool) -> Self {
        Self { buckets: vec![0; if is_full { BUCKETS } else { 0 }], ..Self::default() }
    }

    /// Whether there are other counters than sums.
    pub(crate) fn is_full(&self) -> bool {
        !self.buckets.is_empty()
    }

    /// Adds durations of a bucket.
    pub(crate) fn add_durations(&mut self, bucket: usize, count: u32) {
        if let Some(sum) = self.buckets.get_mut(bucket) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds a user by its number; 0 is none.
    pub(crate) fn add_user(&mut self, user: u64) {
        if user > 0 && self.is_full() {
            *self.users.entry(user / 64).or_default() |= 1 << (user % 64);
        }
    }

    /// How many users there are.
    pub(crate) fn users(&self) -> u64 {
        self.users.values().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The number of durations in each class of [`histogram::classes`].
    pub(crate) fn classes(&self) -> Vec<u64> {
        histogram::classes(&self.buckets)
    }

    /// A duration that `percent` percent of the requests do not exceed; at most the longest duration.
    pub(crate) fn quantile(&self, percent: u64) -> Option<u64> {
        histogram::quantile(&self.buckets, percent).map(|micros| micros.min(self.sums.longest))
    }
}

impl EntryAmounts {
    /// The fields whose sums are counted.
    pub(crate) const FIELDS: [Field; 4] =
        [Field::DurationUs, Field::InputTokens, Field::OutputTokens, Field::CostMicros];

    /// The entries that were found; `errors` are those that failed.
    pub(crate) fn new(log: &dyn Snapshot, block: &Block, found: &Bitmap, errors: Bitmap) -> Result<Self, StoreError> {
        let mut numbers = [const { Vec::new() }; 4];
        for (numbers, field) in numbers.iter_mut().zip(Self::FIELDS) {
            *numbers = raws(log, block, field, found)?;
        }
        Ok(Self { errors, numbers })
    }

    /// Adds the amounts of an entry, and returns the bucket of its duration.
    pub(crate) fn add_to(&self, row: usize, sums: &mut Sums) -> Option<usize> {
        let [durations, rest @ ..] = &self.numbers;
        let number = |numbers: &Vec<u64>| numbers.get(row).copied().unwrap_or(0);
        let sums_of_rest = [&mut sums.input_tokens, &mut sums.output_tokens, &mut sums.cost_micros];
        for (sum, numbers) in sums_of_rest.into_iter().zip(rest) {
            *sum = sum.saturating_add(number(numbers).saturating_sub(1));
        }
        sums.add_entry(self.errors.contains(row as u64), number(durations))
    }
}

impl Amounts for EntryAmounts {
    #[inline]
    fn add(&self, row: usize, to: &mut Total) {
        if let Some(bucket) = self.add_to(row, &mut to.sums) {
            to.add_durations(bucket, 1);
        }
    }
}

/// The column's numbers of the found entries, by row; empty if the block has no value of the field.
pub(crate) fn raws(log: &dyn Snapshot, block: &Block, field: Field, found: &Bitmap) -> Result<Vec<u64>, StoreError> {
    let axis = Axis::numbers(log, block, field)?;
    if matches!(axis, Axis::One) {
        return Ok(Vec::new());
    }
    let mut numbers = vec![0; block.length as usize];
    for (word, bits) in found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
        let raws = axis.raws(word);
        ones(*bits).for_each(|bit| numbers[word * 64 + bit] = raws[bit]);
    }
    Ok(numbers)
}
