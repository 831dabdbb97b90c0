//! The histograms of cells: of each cell the buckets that have a request, and how many.

use super::super::axis::Axis;
use super::cells::Packed;
use crate::histogram::BUCKETS;
use crate::store::index::Kind;

/// The columns beside each other: how many buckets a cell has, which ones, and what is in them.
const LENGTHS: u64 = 0;
const BUCKET: u64 = 1;
const COUNT: u64 = 2;

/// The histograms of a part's cells, read where they are asked for.
pub(super) struct Durations {
    /// Where each cell's buckets begin.
    starts: Vec<u64>,
    buckets: Axis,
    counts: Axis,
    /// The word of the columns that was read last.
    word: Option<(usize, [u64; 64], [u64; 64])>,
}

impl Durations {
    /// The bytes of the histograms of `cells` cells; of each timed request, `slots` has its cell and `buckets` its bucket.
    pub(super) fn pack(cells: usize, slots: &[u32], buckets: &[u16]) -> [Vec<u8>; 2] {
        let sorted = sorted(cells, slots, buckets);
        let mut lengths = Vec::with_capacity(cells);
        let (mut which, mut counts) = (Vec::new(), Vec::new());
        for cell in sorted {
            let before = which.len();
            for run in cell.chunk_by(|left, right| left == right) {
                which.push(u64::from(run[0]) + 1);
                counts.push(run.len() as u64);
            }
            lengths.push((which.len() - before) as u64);
        }
        let rows = which.len();
        let of_cells = Packed::new(cells, [(LENGTHS, Kind::Number, lengths)]);
        let of_buckets = Packed::new(rows, [(BUCKET, Kind::Term, which), (COUNT, Kind::Number, counts)]);
        [of_cells.to_bytes(), of_buckets.to_bytes()]
    }

    /// The histograms in stored bytes; `None` when they are none.
    pub(super) fn from_bytes([of_cells, of_buckets]: [&[u8]; 2]) -> Option<Self> {
        let (mut of_cells, mut of_buckets) = (Packed::from_bytes(of_cells)?, Packed::from_bytes(of_buckets)?);
        let lengths = of_cells.axis(LENGTHS)?;
        let mut starts = vec![0_u64];
        for word in 0..usize::try_from(of_cells.padded() / 64).ok()? {
            for code in lengths.codes(word) {
                starts.push(starts.last().copied().unwrap_or(0).checked_add(lengths.raw(code))?);
            }
        }
        let (buckets, counts) = (of_buckets.axis(BUCKET)?, of_buckets.axis(COUNT)?);
        (starts.last() == Some(&of_buckets.length)).then_some(Self { starts, buckets, counts, word: None })
    }

    /// Adds a cell's histogram to `into`.
    pub(super) fn add(&mut self, cell: usize, into: &mut [u32]) {
        let (Some(start), Some(end)) = (self.starts.get(cell), self.starts.get(cell + 1)) else { return };
        for place in *start..*end {
            let (word, bit) = (place as usize / 64, place as usize % 64);
            if self.word.as_ref().is_none_or(|(at, ..)| *at != word) {
                self.word = Some((word, self.buckets.raws(word), self.counts.raws(word)));
            }
            let Some((_, buckets, counts)) = &self.word else { return };
            let bucket = buckets[bit].saturating_sub(1).min(BUCKETS as u64 - 1);
            let count = u32::try_from(counts[bit]).unwrap_or(u32::MAX);
            let sum = &mut into[bucket as usize];
            *sum = sum.saturating_add(count);
        }
    }
}

/// The buckets of each cell's requests, ascending.
fn sorted(cells: usize, slots: &[u32], buckets: &[u16]) -> impl Iterator<Item = Vec<u16>> {
    let mut ends = vec![0_usize; cells + 1];
    slots.iter().for_each(|slot| ends[*slot as usize + 1] += 1);
    for at in 1..ends.len() {
        ends[at] += ends[at - 1];
    }
    let starts = ends.clone();
    let mut all = vec![0; slots.len()];
    for (slot, bucket) in slots.iter().zip(buckets) {
        let next = &mut ends[*slot as usize];
        all[*next] = *bucket;
        *next += 1;
    }
    (0..cells).map(move |cell| {
        let mut buckets = all[starts[cell]..starts[cell + 1]].to_vec();
        buckets.sort_unstable();
        buckets
    })
}
