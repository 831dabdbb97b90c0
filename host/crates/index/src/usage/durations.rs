//! The histograms of cells: of each cell the buckets that have a request, and how many.

use super::ragged::{Ragged, RaggedBuf};
use crate::columns::{read, write};
use mcp_audit_log_model::histogram::BUCKETS;

/// The histograms of a part's cells. Each is a string that tells of each bucket how far it is from the one before, and how
/// many requests it has. Most have one, so that this takes but a bit: the lowest of the distance, set where more follows.
pub(super) struct Durations(Ragged);

impl Durations {
    /// The bytes of the histograms of `cells` cells; `timed` are pairs of a cell and the bucket of one of its requests, in
    /// any order.
    pub(super) fn pack(cells: usize, timed: &[(u32, u16)]) -> Vec<u8> {
        let (mut ragged, mut string, mut bytes) = (RaggedBuf::default(), Vec::new(), Vec::new());
        for buckets in sorted(cells, timed) {
            let mut last = 0;
            for run in buckets.chunk_by(|left, right| left == right) {
                let (step, more) = (u64::from(run[0] - last), run.len() as u64 - 1);
                write(&mut string, step << 1 | more.min(1));
                if more > 0 {
                    write(&mut string, more);
                }
                last = run[0];
            }
            ragged.push(&string);
            string.clear();
        }
        ragged.write(&mut bytes);
        bytes
    }

    /// The histograms in stored bytes; `None` when they are none of so many cells.
    pub(super) fn from_bytes(bytes: &[u8], cells: u64) -> Option<Self> {
        Ragged::read(bytes, cells).map(Self)
    }

    /// Adds a cell's histogram to `into`, which has as many buckets as a histogram has.
    pub(super) fn add(&self, cell: usize, into: &mut [u32]) {
        let (mut string, mut bucket) = (self.0.get(cell), 0);
        while let Some(step) = read(&mut string) {
            let more = if step & 1 == 1 { read(&mut string).unwrap_or(0) } else { 0 };
            bucket = usize::try_from(step >> 1).unwrap_or(BUCKETS).saturating_add(bucket).min(BUCKETS - 1);
            let sum = &mut into[bucket];
            *sum = sum.saturating_add(u32::try_from(more.saturating_add(1)).unwrap_or(u32::MAX));
        }
    }
}

/// The buckets of each cell's requests, ascending.
fn sorted(cells: usize, timed: &[(u32, u16)]) -> impl Iterator<Item = Vec<u16>> {
    let mut ends = vec![0_usize; cells + 1];
    timed.iter().for_each(|(cell, _)| ends[*cell as usize + 1] += 1);
    for at in 1..ends.len() {
        ends[at] += ends[at - 1];
    }
    let starts = ends.clone();
    let mut all = vec![0; timed.len()];
    for (cell, bucket) in timed {
        let next = &mut ends[*cell as usize];
        all[*next] = *bucket;
        *next += 1;
    }
    (0..cells).map(move |cell| {
        let mut buckets = all[starts[cell]..starts[cell + 1]].to_vec();
        buckets.sort_unstable();
        buckets
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_come_back_as_they_were() {
        let timed = [(2, 500), (0, 3), (2, 0), (0, 3), (2, 500), (2, 501), (0, BUCKETS as u16 - 1)];
        let bytes = Durations::pack(4, &timed);
        assert!(Durations::from_bytes(&bytes, 3).is_none() && Durations::from_bytes(&bytes[1..], 4).is_none());
        let durations = Durations::from_bytes(&bytes, 4).expect("histograms");
        for cell in 0..4 {
            let (mut found, mut expected) = (vec![0; BUCKETS], vec![0; BUCKETS]);
            durations.add(cell, &mut found);
            timed.iter().filter(|(of, _)| *of as usize == cell).for_each(|(_, bucket)| expected[*bucket as usize] += 1);
            assert_eq!(found, expected, "{cell}");
        }
    }

    #[test]
    fn a_forged_histogram_stays_within_its_buckets() {
        let (mut ragged, mut string, mut bytes) = (RaggedBuf::default(), Vec::new(), Vec::new());
        [u64::MAX, u64::MAX, 5].into_iter().for_each(|number| write(&mut string, number));
        ragged.push(&string);
        ragged.write(&mut bytes);
        let mut found = vec![0; BUCKETS];
        Durations::from_bytes(&bytes, 1).expect("a string").add(0, &mut found);
        assert_eq!(found[BUCKETS - 1], u32::MAX);
    }
}
