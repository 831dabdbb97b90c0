//! Which entries of a block: one bit each.

use std::ops::Range;

/// A set of rows of a block, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// An empty bitmap of `length` rows; `length` is a multiple of 64.
    pub(crate) fn none(length: u64) -> Self {
        Self { words: vec![0; words(length)] }
    }

    /// A bitmap of `length` rows in which the rows in `range` are set.
    pub(crate) fn range(length: u64, range: Range<u64>) -> Self {
        let word = |at: usize| {
            let first = at as u64 * 64;
            below(range.end.saturating_sub(first)) & !below(range.start.saturating_sub(first))
        };
        Self { words: (0..words(length)).map(word).collect() }
    }

    /// From words, lowest row first.
    pub(super) fn from_words(words: Vec<u64>) -> Self {
        Self { words }
    }

    /// The words, lowest row first.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The number of rows, set or not.
    pub(crate) fn length(&self) -> u64 {
        self.words.len() as u64 * 64
    }

    /// Whether no row is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The number of set rows.
    pub(crate) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The number of rows that are set in `other` too.
    pub(crate) fn common(&self, other: &Self) -> u64 {
        self.words.iter().zip(&other.words).map(|(one, other)| u64::from((one & other).count_ones())).sum()
    }

    /// Whether a row is set.
    pub(crate) fn contains(&self, row: u64) -> bool {
        self.words.get(words(row)).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row.
    pub(crate) fn insert(&mut self, row: u64) {
        if let Some(word) = self.words.get_mut(words(row)) {
            *word |= 1 << (row % 64);
        }
    }

    /// Removes the rows that are not in `other`.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
        self
    }

    /// Removes the rows that are in `other`.
    pub(crate) fn without(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
        self
    }

    /// Adds the rows that are in `other`.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
        self
    }

    /// The set rows, lowest first; highest first when reversed.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let bits = |(at, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u64 * 64 + bit)
        };
        self.words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(bits)
    }
}

fn words(rows: u64) -> usize {
    usize::try_from(rows / 64).unwrap_or(usize::MAX)
}

/// The lowest `count` bits.
fn below(count: u64) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_places_agree() {
        for range in [0..0, 0..1, 5..64, 63..65, 0..192, 64..128, 190..500] {
            let rows: Vec<_> = Bitmap::range(192, range.clone()).rows().collect();
            assert_eq!(rows, range.filter(|row| *row < 192).collect::<Vec<_>>());
        }
    }

    #[test]
    fn sets_behave_as_sets() {
        let (left, right) = (Bitmap::range(128, 0..70), Bitmap::range(128, 60..100));
        let rows = |bitmap: Bitmap| bitmap.rows().collect::<Vec<_>>();
        assert_eq!(rows(left.clone().and(&right)), (60..70).collect::<Vec<_>>());
        assert_eq!(rows(left.clone().without(&right)), (0..60).collect::<Vec<_>>());
        assert_eq!(rows(left.clone().or(&right)), (0..100).collect::<Vec<_>>());
        assert_eq!(left.rows().next_back(), Some(69));
        let mut one = Bitmap::none(128);
        one.insert(100);
        assert_eq!((one.count(), one.is_empty(), rows(one)), (1, false, vec![100]));
    }
}
