//! (short: the one hash of the index) The short hash by which a column represents texts that hardly repeat.

/// The number of distinct hashes. With twelve bits, some sixteen entries in a block of 65,536 are wrong candidates, and
/// their rows are read.
const HASHES: u64 = (1 << 12) - 1;

/// FNV-1a, folded; never 0. Part of the file's format.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    1 + (hash ^ (hash >> 32)) % HASHES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_never_zero_and_stay_what_they_are() {
        assert!((0..10_000_u32).all(|number| (1..=HASHES).contains(&hash(&number.to_le_bytes()))));
        // On disk: a change of this is a new format.
        assert_eq!([hash(b""), hash(b"a"), hash(b"req-17")], [1771, 65, 2176]);
    }
}
