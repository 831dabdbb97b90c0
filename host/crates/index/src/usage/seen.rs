//! Which numbers were seen under which key: how many different ones, without a hash for each sight of one.

/// Numbers of a chunk.
const CHUNK: u64 = 4_096;
/// Numbers beyond are not counted: no dictionary has as many texts, and a forged one must not cost the memory for them.
const LIMIT: u64 = 1 << 28;

/// For each key the numbers that it was seen with, a bit each; memory goes by how far apart they are.
pub(super) struct Seen(Vec<Vec<Option<Box<Chunk>>>>);

type Chunk = [u64; (CHUNK / 64) as usize];

impl Seen {
    pub(super) fn new(keys: usize) -> Self {
        Self(std::iter::repeat_with(Vec::new).take(keys).collect())
    }

    /// `number` was seen with the key at `at`.
    pub(super) fn add(&mut self, at: usize, number: u64) {
        self.add_word(at, number / 64, 1 << (number % 64));
    }

    /// The numbers were seen with the key at `at` whose bits are set, counted from 64 times `place` on.
    pub(super) fn add_word(&mut self, at: usize, place: u64, bits: u64) {
        let Some(chunks) = self.0.get_mut(at).filter(|_| place < LIMIT / 64) else { return };
        let (chunk, within) = ((place / (CHUNK / 64)) as usize, (place % (CHUNK / 64)) as usize);
        if chunk >= chunks.len() {
            chunks.resize_with(chunk + 1, || None);
        }
        chunks[chunk].get_or_insert_with(|| Box::new([0; _]))[within] |= bits;
    }

    /// How many numbers each key was seen with.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        let words = |chunks: &Vec<Option<Box<Chunk>>>| {
            chunks.iter().flatten().flat_map(|chunk| chunk.iter()).map(|word| u64::from(word.count_ones())).sum()
        };
        self.0.iter().map(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_counts_once_for_its_key() {
        let mut seen = Seen::new(3);
        for (at, number) in [(0, 1), (0, 64), (0, 1), (0, 4_095), (0, 4_096), (2, 1), (2, 1 << 20), (7, 1)] {
            seen.add(at, number);
        }
        assert_eq!(seen.counts().collect::<Vec<_>>(), [4, 0, 2]);
    }
}
