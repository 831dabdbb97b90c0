//! Numbers for combinations of values, in the order in which they first come. Groups, rows of usage and cells of usage are
//! counted under them.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::axis::Axis;
use crate::columns::Bitmap;

/// Combinations of a block's codes up to which their numbers stand in a table.
const TABLE: usize = 1 << 20;
/// A combination that has no number yet.
const NEW: u32 = u32::MAX;

/// Combinations of `N` values.
pub(crate) struct Slots<const N: usize> {
    numbers: HashMap<[u64; N], u32, RandomState>,
    /// The combinations by their numbers.
    pub(crate) keys: Vec<[u64; N]>,
    /// How many there may be.
    most: usize,
}

impl<const N: usize> Slots<N> {
    /// None yet, and no more than `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self { numbers: HashMap::default(), keys: Vec::new(), most }
    }

    /// The number of a combination that came.
    pub(crate) fn get(&self, key: [u64; N]) -> Option<usize> {
        self.numbers.get(&key).map(|slot| *slot as usize)
    }

    /// Shows each row of `found`, in order, with the number of its combination; `None` when there are too many.
    pub(crate) fn each(&mut self, axes: [&Axis; N], found: &Bitmap, mut show: impl FnMut(usize, usize)) -> Option<()> {
        let sizes = axes.map(Axis::size);
        let size = sizes.iter().try_fold(1_usize, |all, size| all.checked_mul(*size)).filter(|size| *size <= TABLE);
        let mut table = vec![NEW; size.unwrap_or(0)];
        for (word, bits) in found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
            let codes = axes.map(|axis| axis.codes(word));
            for bit in ones(*bits) {
                let at = sizes.iter().zip(&codes);
                let at = at.fold(0_usize, |at, (size, codes)| at.wrapping_mul(*size).wrapping_add(codes[bit] as usize));
                let slot = match table.get_mut(at) {
                    Some(slot) if *slot != NEW => *slot,
                    known => {
                        let slot = self.slot(std::array::from_fn(|axis| axes[axis].raw(codes[axis][bit])))?;
                        known.into_iter().for_each(|known| *known = slot);
                        slot
                    }
                };
                show(slot as usize, word * 64 + bit);
            }
        }
        Some(())
    }

    fn slot(&mut self, key: [u64; N]) -> Option<u32> {
        if let Some(slot) = self.numbers.get(&key) {
            return Some(*slot);
        }
        let slot = self.keys.len();
        if slot == self.most {
            return None;
        }
        self.numbers.insert(key, slot as u32);
        self.keys.push(key);
        Some(slot as u32)
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
