//! Bit planes: plane `j` holds bit `j` of every entry's code, so that a comparison of all codes with one number is a
//! few operations on whole words.
//!
//! The bytes are the planes, lowest first, each one bit per entry, lowest row first.

use super::Bitmap;

/// Comparing all planes of a word with this many codes takes as long as reading the codes of the word.
const COMPARED: usize = 24;

/// The codes of a block's entries, as stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes<'a> {
    bits: usize,
    /// The number of bytes of one plane.
    size: usize,
    bytes: &'a [u8],
}

/// Planes in memory, for several passes over them.
#[derive(Debug)]
pub(crate) struct PlanesBuf {
    bits: usize,
    length: u64,
    bytes: Vec<u8>,
}

impl PlanesBuf {
    /// The planes of `length` codes in `bytes`; `None` if the length of `bytes` does not fit.
    pub(crate) fn new(bytes: &[u8], bits: usize, length: u64) -> Option<Self> {
        Planes::new(bytes, bits, length)?;
        Some(Self { bits, length, bytes: bytes.to_vec() })
    }

    /// The codes of the 64 entries of one word.
    pub(crate) fn codes(&self, word: usize) -> [u64; 64] {
        Planes::new(&self.bytes, self.bits, self.length).map_or([0; 64], |planes| planes.codes(word))
    }
}

impl<'a> Planes<'a> {
    /// The planes of `length` codes in `bytes`; `None` if the length of `bytes` does not fit.
    pub(super) fn new(bytes: &'a [u8], bits: usize, length: u64) -> Option<Self> {
        let size = usize::try_from(length / 8).ok()?;
        (bytes.len() == size.checked_mul(bits)? && bits <= 64).then_some(Self { bits, size, bytes })
    }

    /// The planes of `codes`. The number of codes is a multiple of 64, and each code is less than 2^`bits`.
    pub(super) fn pack(codes: &[u64], bits: usize) -> Vec<u8> {
        let size = codes.len() / 8;
        let mut bytes = vec![0; size * bits];
        for (at, eight) in codes.chunks_exact(8).enumerate() {
            for low in (0..bits).step_by(8) {
                let square = eight.iter().rev().fold(0, |square, code| square << 8 | (code >> low) & 0xff);
                let planes = transpose(square).to_le_bytes();
                for (plane, byte) in (low..bits).zip(planes) {
                    bytes[plane * size + at] = byte;
                }
            }
        }
        bytes
    }

    /// The codes of the 64 entries of one word.
    pub(super) fn codes(&self, word: usize) -> [u64; 64] {
        let mut codes = self.eight(word, 0).map(u64::from);
        for low in (8..self.bits).step_by(8) {
            codes.iter_mut().zip(self.eight(word, low)).for_each(|(code, byte)| *code |= u64::from(byte) << low);
        }
        codes
    }

    /// The eight bits from bit `low` on of the codes of a word's 64 entries.
    fn eight(&self, word: usize, low: usize) -> [u8; 64] {
        let mut planes = [0; 8];
        for (at, plane) in planes.iter_mut().enumerate().take(self.bits.saturating_sub(low)) {
            let from = (low + at) * self.size + word * 8;
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&self.bytes[from..from + 8]);
            *plane = u64::from_le_bytes(bytes);
        }
        // Each of eight entries' bits of eight planes is a square; turned over, it has a byte for each entry.
        turn(&mut planes);
        let mut bytes = [0; 64];
        for (eight, square) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(planes) {
            *eight = transpose(square).to_le_bytes();
        }
        bytes
    }

    /// The entries whose code is `code`.
    pub(super) fn equal(&self, code: u64) -> Bitmap {
        let mut found = vec![u64::MAX; self.size / 8];
        for (at, plane) in self.planes().enumerate() {
            let turn = if code >> at & 1 == 1 { 0 } else { u64::MAX };
            found.iter_mut().zip(words(plane)).for_each(|(found, word)| *found &= word ^ turn);
        }
        Bitmap::from_words(found)
    }

    /// The entries whose code is less than `bound`.
    pub(super) fn less(&self, bound: u64) -> Bitmap {
        if self.bits < 64 && bound >> self.bits != 0 {
            return Bitmap::from_words(vec![u64::MAX; self.size / 8]);
        }
        let mut less = vec![0; self.size / 8];
        let mut equal = vec![u64::MAX; self.size / 8];
        for (at, plane) in self.planes().enumerate().collect::<Vec<_>>().into_iter().rev() {
            let is_set = bound >> at & 1 == 1;
            for ((less, equal), word) in less.iter_mut().zip(&mut equal).zip(words(plane)) {
                if is_set {
                    *less |= *equal & !word;
                    *equal &= word;
                } else {
                    *equal &= !word;
                }
            }
        }
        Bitmap::from_words(less)
    }

    /// How many of the entries in `found` have each of `size` codes. A greater code, which only a forged column has, is left
    /// out.
    pub(super) fn count(&self, found: &Bitmap, size: usize) -> Vec<u64> {
        let words = found.words().iter().filter(|word| **word != 0).count();
        if size * found.words().len() <= words * COMPARED {
            return (0..size as u64).map(|code| found.common(&self.equal(code))).collect();
        }
        let mut counts = vec![0; size];
        for (word, bits) in found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
            let (codes, mut bits) = (self.codes(word), *bits);
            while bits != 0 {
                if let Some(count) = counts.get_mut(codes[bits.trailing_zeros() as usize] as usize) {
                    *count += 1;
                }
                bits &= bits - 1;
            }
        }
        counts
    }

    fn planes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks_exact(self.size.max(1)).take(self.bits)
    }
}

fn words(plane: &[u8]) -> impl Iterator<Item = u64> + '_ {
    plane.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Transposes a square of 8 × 8 bytes: byte `j` of word `i` becomes byte `i` of word `j`.
fn turn(words: &mut [u64; 8]) {
    for (distance, mask) in [(4, 0x0000_0000_ffff_ffff), (2, 0x0000_ffff_0000_ffff), (1, 0x00ff_00ff_00ff_00ff)] {
        for at in (0..8).filter(|at| at & distance == 0) {
            let moved = ((words[at] >> (8 * distance)) ^ words[at + distance]) & mask;
            words[at + distance] ^= moved;
            words[at] ^= moved << (8 * distance);
        }
    }
}

/// Transposes a square of 8 × 8 bits: bit `8i + j` becomes bit `8j + i`.
fn transpose(square: u64) -> u64 {
    let swap = |square: u64, mask: u64, by: u32| {
        let moved = (square ^ (square >> by)) & mask;
        square ^ moved ^ (moved << by)
    };
    let square = swap(square, 0x00aa_00aa_00aa_00aa, 7);
    let square = swap(square, 0x0000_cccc_0000_cccc, 14);
    swap(square, 0x0000_0000_f0f0_f0f0, 28)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(bits: usize) -> Vec<u64> {
        let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        (0..256_u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(11) & mask).collect()
    }

    #[test]
    fn what_is_packed_comes_back() {
        for bits in 0..=64 {
            let codes = codes(bits);
            let bytes = Planes::pack(&codes, bits);
            let planes = Planes::new(&bytes, bits, 256).expect("planes");
            let back: Vec<_> = (0..4).flat_map(|word| planes.codes(word)).collect();
            assert_eq!(back, codes, "{bits} bits");
        }
        assert!(Planes::new(&[0; 31], 1, 256).is_none());
    }

    #[test]
    fn counts_are_those_of_the_codes() {
        for bits in [1, 3, 8, 11] {
            let codes = codes(bits);
            let bytes = Planes::pack(&codes, bits);
            let planes = Planes::new(&bytes, bits, 256).expect("planes");
            for range in [0..256, 3..70, 64..65, 0..0] {
                let mut expected = vec![0; 1 << bits];
                codes[range.start as usize..range.end as usize].iter().for_each(|code| expected[*code as usize] += 1);
                assert_eq!(planes.count(&Bitmap::range(256, range.clone()), 1 << bits), expected, "{bits}: {range:?}");
            }
            for found in [0..256, 0..1] {
                let zeros = codes[found.start as usize..found.end as usize].iter().filter(|code| **code == 0).count();
                assert_eq!(planes.count(&Bitmap::range(256, found), 1), [zeros as u64], "forged");
            }
        }
    }

    #[test]
    fn comparisons_are_those_of_the_codes() {
        for bits in [1, 3, 8, 11] {
            let codes = codes(bits);
            let bytes = Planes::pack(&codes, bits);
            let planes = Planes::new(&bytes, bits, 256).expect("planes");
            for bound in 0..1 << bits {
                let rows =
                    |keep: &dyn Fn(u64) -> bool| (0..256).filter(|at| keep(codes[*at as usize])).collect::<Vec<u64>>();
                assert_eq!(planes.equal(bound).rows().collect::<Vec<_>>(), rows(&|code| code == bound));
                assert_eq!(planes.less(bound).rows().collect::<Vec<_>>(), rows(&|code| code < bound));
            }
            assert_eq!(planes.less(1 << bits).count(), 256);
        }
    }
}
