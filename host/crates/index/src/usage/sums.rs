//! The sums of cells as they are stored: of each measure the numbers of 64 cells at a time, as many bytes wide as the
//! greatest of them needs.

use super::measures::{MEASURES, Measure, Sums};
use crate::columns::{Bitmap, read, write};

/// The measures of a part's cells.
pub(super) struct OfCells {
    count: usize,
    bytes: Vec<u8>,
    /// Where each word of each measure begins: with how wide its numbers are.
    starts: Vec<usize>,
}

/// Cells of a word.
const WORD: usize = 64;

impl OfCells {
    /// The bytes of the sums of cells.
    pub(super) fn pack(sums: &[Sums]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, sums.len() as u64);
        for measure in Measure::ALL {
            for word in sums.chunks(WORD) {
                let numbers = word.iter().map(|sums| sums[measure as usize]);
                let width = numbers.clone().max().map_or(0, width);
                bytes.push(width as u8);
                numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()[..width]));
            }
        }
        bytes
    }

    /// The measures in stored bytes; `None` when they are none of so many cells.
    pub(super) fn from_bytes(bytes: &[u8], cells: u64) -> Option<Self> {
        let mut rest = bytes;
        if read(&mut rest)? != cells {
            return None;
        }
        let count = usize::try_from(cells).ok()?;
        let mut starts = Vec::with_capacity(rest.len().min(MEASURES * count.div_ceil(WORD)));
        let mut start = 0_usize;
        for _ in 0..MEASURES {
            for from in (0..count).step_by(WORD) {
                let width = usize::from(*rest.get(start)?);
                starts.push(start);
                start += 1 + (width <= 8).then_some(width)? * (count - from).min(WORD);
            }
        }
        (start == rest.len()).then(|| Self { count, bytes: rest.to_vec(), starts })
    }

    /// One measure of the 64 cells of a word; `None` where none of them has any.
    pub(super) fn values(&self, measure: Measure, word: usize) -> Option<[u64; WORD]> {
        let words = self.count.div_ceil(WORD);
        let start = *self.starts.get(measure as usize * words + word).filter(|_| word < words)?;
        let (width, rest) = self.bytes.get(start..)?.split_first()?;
        let numbers = rest.get(..usize::from(*width) * (self.count - word * WORD).min(WORD))?;
        Some(match width {
            1 => widened::<1>(numbers),
            2 => widened::<2>(numbers),
            3 => widened::<3>(numbers),
            4 => widened::<4>(numbers),
            5 => widened::<5>(numbers),
            6 => widened::<6>(numbers),
            7 => widened::<7>(numbers),
            8 => widened::<8>(numbers),
            _ => return None,
        })
    }

    /// How many requests these cells are of.
    pub(super) fn requests(&self, cells: &Bitmap) -> u64 {
        let of = |place: u64| {
            let values = self.values(Measure::Requests, place as usize / WORD);
            values.map_or(0, |values| values[place as usize % WORD])
        };
        cells.places().map(of).fold(0, u64::saturating_add)
    }
}

/// How many bytes a number needs.
fn width(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(8) as usize
}

/// Numbers of `W` bytes, up to 64 of them.
fn widened<const W: usize>(bytes: &[u8]) -> [u64; WORD] {
    let mut numbers = [0; WORD];
    for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks::<W>().0) {
        let mut all = [0; 8];
        all[..W].copy_from_slice(bytes);
        *number = u64::from_le_bytes(all);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![3 => Just(0), 3 => 0..300_u64, 1 => any::<u64>(), 1 => (0..64_u32).prop_map(|bit| 1 << bit)]
    }

    proptest! {
        #[test]
        fn sums_come_back_as_they_were(sums in prop::collection::vec(prop::array::uniform8(number()), 0..200)) {
            let bytes = OfCells::pack(&sums);
            let read = OfCells::from_bytes(&bytes, sums.len() as u64).expect("sums");
            for measure in Measure::ALL {
                for (word, expected) in sums.chunks(WORD).enumerate() {
                    let found = read.values(measure, word).unwrap_or([0; WORD]);
                    let expected: Vec<u64> = expected.iter().map(|sums| sums[measure as usize]).collect();
                    prop_assert_eq!(&found[..expected.len()], &expected[..]);
                }
            }
            prop_assert!(read.values(Measure::Longest, sums.len().div_ceil(WORD)).is_none());
            prop_assert!(OfCells::from_bytes(&bytes, sums.len() as u64 + 1).is_none());
            prop_assert!(OfCells::from_bytes(&bytes[..bytes.len() - 1], sums.len() as u64).is_none());
        }
    }

    #[test]
    fn a_forged_width_is_refused() {
        let mut bytes = vec![1];
        bytes.extend([9; 1 + 9].repeat(MEASURES));
        assert!(OfCells::from_bytes(&bytes, 1).is_none());
        assert!(OfCells::from_bytes(&[255; 9], u64::MAX).is_none());
    }
}
