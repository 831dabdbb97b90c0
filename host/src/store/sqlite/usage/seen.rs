//! Which numbers were seen under which key: how many different ones, without a hash for each sight of one.

/// Numbers of a chunk.
const CHUNK: u64 = 4_096;

/// For each key the numbers that it was seen with, a bit each; memory goes by how far apart they are.
pub(super) struct Seen(Vec<Vec<Option<Box<Chunk>>>>);

type Chunk = [u64; (CHUNK / 64) as usize];

impl Seen {
    pub(super) fn new(keys: usize) -> Self {
        Self(std::iter::repeat_with(Vec::new).take(keys).collect())
    }

    /// `number` was seen with the key at `at`.
    pub(super) fn add(&mut self, at: usize, number: u64) {
        let (chunk, within) = ((number / CHUNK) as usize, number % CHUNK);
        let Some(chunks) = self.0.get_mut(at) else { return };
        if chunk >= chunks.len() {
            chunks.resize_with(chunk + 1, || None);
        }
        let chunk = chunks[chunk].get_or_insert_with(|| Box::new([0; _]));
        chunk[(within / 64) as usize] |= 1 << (within % 64);
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
