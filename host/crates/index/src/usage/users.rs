//! The users of cells: of each cell which ones it has, so that how many there are in several is counted exactly.
//!
//! A set is a bitmap over the users of the part where they are close together, and the distances between their numbers
//! where that is shorter.

use super::ragged::{Ragged, RaggedBuf};
use super::seen::Seen;
use crate::columns::{read, write};

/// The sets of a part's cells.
pub(super) struct Users {
    /// Where bitmaps begin: a multiple of 64.
    first: u64,
    /// Bytes of a bitmap.
    bitmap: u64,
    sets: Ragged,
}

impl Users {
    /// The bytes of the sets of `cells` cells; `users` are pairs of a cell and a user's number, in any order.
    pub(super) fn pack(cells: usize, mut users: Vec<(u32, u64)>) -> Vec<u8> {
        users.sort_unstable();
        users.dedup();
        let numbers = || users.iter().map(|(_, user)| *user);
        let first = numbers().min().unwrap_or(0) / 64 * 64;
        let bitmap = numbers().max().map_or(0, |last| (last - first) / 64 + 1) * 8;
        let (mut sets, mut rest) = (RaggedBuf::default(), users.as_slice());
        for cell in 0..cells as u32 {
            let (of_cell, behind) = rest.split_at(rest.partition_point(|(other, _)| *other <= cell));
            rest = behind;
            sets.push(&set(of_cell.iter().map(|(_, user)| user - first), bitmap as usize));
        }
        let mut bytes = Vec::new();
        [first, bitmap].into_iter().for_each(|number| write(&mut bytes, number));
        sets.write(&mut bytes);
        bytes
    }

    /// The sets in stored bytes; `None` when they are none of so many cells.
    pub(super) fn from_bytes(bytes: &[u8], cells: u64) -> Option<Self> {
        let mut rest = bytes;
        let (first, bitmap) = (read(&mut rest)?, read(&mut rest)?);
        let sets = Ragged::read(rest, cells)?;
        (first % 64 == 0).then_some(Self { first, bitmap, sets })
    }

    /// The users of `cell` were seen with the key at `at`.
    pub(super) fn see(&self, cell: usize, seen: &mut Seen, at: usize) {
        let mut set = self.sets.get(cell);
        if set.len() as u64 == self.bitmap {
            let words = set.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
            (self.first / 64..).zip(words).for_each(|(place, word)| seen.add_word(at, place, word));
            return;
        }
        let mut user = self.first;
        while let Some(distance) = read(&mut set) {
            user = user.saturating_add(distance);
            seen.add(at, user);
        }
    }
}

/// Numbers in ascending order as distances, the first one from 0; as a bitmap where that is no longer.
fn set(numbers: impl Iterator<Item = u64> + Clone, bitmap: usize) -> Vec<u8> {
    let (mut list, mut last) = (Vec::new(), 0);
    for number in numbers.clone() {
        write(&mut list, number - last);
        last = number;
    }
    if list.len() < bitmap {
        return list;
    }
    let mut bits = vec![0; bitmap];
    numbers.for_each(|number| bits[(number / 8) as usize] |= 1 << (number % 8));
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_back_as_they_were() {
        let cells = [vec![], vec![70_000], (100..2_000).collect(), vec![64, 65, 3_000, 90_000], vec![]];
        let pairs = (0..).zip(&cells).flat_map(|(cell, users)| users.iter().map(move |user| (cell, *user)));
        let mut pairs: Vec<(u32, u64)> = pairs.collect();
        pairs.extend(pairs.clone().iter().rev());
        let bytes = Users::pack(cells.len(), pairs);
        assert!(Users::from_bytes(&bytes, 4).is_none() && Users::from_bytes(&bytes[1..], 5).is_none());
        let users = Users::from_bytes(&bytes, cells.len() as u64).expect("sets");
        for (cell, expected) in cells.iter().enumerate() {
            let mut seen = Seen::new(1);
            users.see(cell, &mut seen, 0);
            expected.iter().for_each(|user| seen.add(0, *user));
            assert_eq!(seen.counts().collect::<Vec<_>>(), [expected.len() as u64], "{cell}");
        }
    }

    #[test]
    fn who_is_close_together_is_a_bitmap() {
        let close = Users::pack(1, (0..10_000).map(|user| (0, user)).collect());
        let apart = Users::pack(2, [(0, 1), (1, 1_000_000)].to_vec());
        assert!(close.len() < 1_300 && apart.len() < 30, "{} {}", close.len(), apart.len());
    }
}
