//! Counts of rows by combinations of values, for groups, for rows and points of usage, and for cells of usage.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::axis::Axis;
use crate::columns::Bitmap;

/// The largest number of combinations in a block for which a table of their numbers is used instead of the hash map.
const TABLE: usize = 1 << 20;
/// A combination that has no number yet.
const NEW: u32 = u32::MAX;

/// Counts, by combinations of `N` values.
pub(crate) struct KeyedCounts<const N: usize, T> {
    /// The combinations in the order of their first occurrence, each with its counts.
    counts: Vec<([u64; N], T)>,
    /// The position of each combination in `counts`.
    numbers: HashMap<[u64; N], u32, RandomState>,
    /// The most combinations.
    most: usize,
    /// Whether other combinations than those that are there are left out.
    is_closed: bool,
}

impl<const N: usize, T> KeyedCounts<N, T> {
    /// An empty one for at most `most` combinations.
    pub(crate) fn new(most: usize) -> Self {
        Self { counts: Vec::new(), numbers: HashMap::default(), most, is_closed: false }
    }

    /// One that counts only these combinations, which are different.
    pub(crate) fn only(keys: &[[u64; N]], empty: impl Fn() -> T) -> Self {
        let counts: Vec<_> = keys.iter().map(|key| (*key, empty())).collect();
        let numbers = keys.iter().enumerate().map(|(number, key)| (*key, number as u32)).collect();
        Self { most: counts.len(), counts, numbers, is_closed: true }
    }

    /// The counts of a combination, if it occurred.
    pub(crate) fn get(&self, key: [u64; N]) -> Option<&T> {
        self.numbers.get(&key).map(|number| &self.counts[*number as usize].1)
    }

    /// All combinations that occurred, with their counts.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u64; N], &T)> {
        self.counts.iter().map(|(key, count)| (key, count))
    }

    /// The same, with mutable counts.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&[u64; N], &mut T)> {
        self.counts.iter_mut().map(|(key, count)| (&*key, count))
    }

    /// Counts each row of `found`, in order, under its combination. `empty` is the initial count of a new combination.
    /// `amounts` reads what `count` needs of the 64 rows of a word; `count` adds one of them, by its bit. `None` if there
    /// are too many combinations, unless the others are left out.
    pub(crate) fn count<W>(
        &mut self,
        axes: [&Axis; N],
        found: &Bitmap,
        empty: impl Fn() -> T,
        amounts: impl Fn(usize) -> W,
        mut count: impl FnMut(&mut T, &W, usize),
    ) -> Option<()> {
        let sizes = axes.map(Axis::size);
        let size = sizes.iter().try_fold(1_usize, |all, size| all.checked_mul(*size)).filter(|size| *size <= TABLE);
        let mut table = vec![NEW; size.unwrap_or(0)];
        for (word, bits) in found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
            let (codes, amounts) = (axes.map(|axis| axis.codes(word)), amounts(word));
            for bit in ones(*bits) {
                let at = sizes.iter().zip(&codes);
                let at = at.fold(0_usize, |at, (size, codes)| at.wrapping_mul(*size).wrapping_add(codes[bit] as usize));
                let number = match table.get_mut(at) {
                    Some(number) if *number != NEW => *number,
                    known => {
                        let key = std::array::from_fn(|axis| axes[axis].raw(codes[axis][bit]));
                        let Some(number) = self.number(key, &empty) else {
                            if self.is_closed {
                                continue;
                            }
                            return None;
                        };
                        known.into_iter().for_each(|known| *known = number);
                        number
                    }
                };
                count(&mut self.counts[number as usize].1, &amounts, bit);
            }
        }
        Some(())
    }

    fn number(&mut self, key: [u64; N], empty: impl Fn() -> T) -> Option<u32> {
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        let number = self.counts.len();
        if number == self.most {
            return None;
        }
        self.numbers.insert(key, number as u32);
        self.counts.push((key, empty()));
        Some(number as u32)
    }
}

/// The positions of the bits that are set.
pub(crate) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (bits != 0).then_some(bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        bit
    })
}
