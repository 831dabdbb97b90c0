//! Cells: requests that share a time and some dimensions are one row, with what is counted of them. The cells of one
//! cut by hour or by day are a part of a run, in two blobs: the dimensions as columns of a block, so that one plan
//! finds entries and cells; and the amounts, which are read and not searched, as a string of numbers for each cell.

use std::collections::HashMap;

use crate::columns::{Bitmap, BlockColumn, ColumnKind, Zone, read, write};
use crate::search::blocks::Block;
use crate::search::total::{Amounts, Sums, Total};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::histogram::BUCKETS;

/// A combination of dimensions for which cells are kept. Pairs of the user and one more dimension have only cells by
/// day, since they would have nearly as many cells by hour as there are entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut(usize);

/// The dimensions of each cut beside the instance, which is in all; those with fewer cells first. A part is stored
/// under the position of its cut.
const CUTS: [&[Field]; 14] = [
    &[],
    &[Field::Server],
    &[Field::Tool],
    &[Field::Connection],
    &[Field::Provider],
    &[Field::LlmModel],
    &[Field::ApiKey],
    &[Field::User],
    &[Field::User, Field::Server],
    &[Field::User, Field::Connection],
    &[Field::User, Field::Provider],
    &[Field::User, Field::LlmModel],
    &[Field::User, Field::ApiKey],
    &[Field::User, Field::Tool],
];

impl Cut {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..CUTS.len()).map(Self)
    }

    /// The smallest cut that has these fields, one bit each; `None` if only the entries have them.
    pub(super) fn of(fields: u64) -> Option<Self> {
        Self::all().find(|cut| fields & !bits(cut.fields()) & !bits(&[Field::Instance]) == 0)
    }

    /// Its dimensions besides the tenant.
    pub(super) fn fields(self) -> &'static [Field] {
        CUTS[self.0]
    }

    /// Whether the user is one of its dimensions.
    pub(super) fn has_users(self) -> bool {
        self.fields().first() == Some(&Field::User)
    }

    /// Whether it has the user and another dimension.
    pub(super) fn is_pair(self) -> bool {
        self.fields().len() > 1
    }

    /// The number of its parts.
    pub(super) fn number(self, by_day: bool) -> u64 {
        self.0 as u64 * 2 + u64::from(by_day)
    }
}

/// A bit for each of these fields.
pub(super) fn bits<'f>(fields: impl IntoIterator<Item = &'f Field>) -> u64 {
    fields.into_iter().fold(0, |bits, field| bits | 1 << *field as u64)
}

/// The blob of cells with these columns: the number of cells, then field, zone and planes of each column.
pub(super) fn pack_cells(count: usize, columns: impl IntoIterator<Item = (Field, Vec<u64>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, count as u64);
    for (field, mut raw) in columns {
        raw.resize(count.next_multiple_of(64), raw.last().copied().unwrap_or(0));
        // Times are listed as texts are: there are few hours in a run.
        let Some(column) = BlockColumn::encode(ColumnKind::Term, &raw) else { continue };
        write(&mut bytes, field as u64);
        [&column.zone.to_bytes(), &column.planes].into_iter().for_each(|part| write_string(&mut bytes, part));
    }
    bytes
}

/// The cells in a blob, as a block with all of its rows; `None` if it has no cells, or more than `most`.
pub(super) fn read_cells(mut bytes: &[u8], most: u64) -> Option<(Block, Bitmap)> {
    let count = read(&mut bytes).filter(|count| *count <= most)?;
    let (length, mut columns) = (count.next_multiple_of(64), HashMap::new());
    while !bytes.is_empty() {
        let field = Field::ALL.get(usize::try_from(read(&mut bytes)?).ok()?)?;
        let zone = Zone::from_bytes(read_string(&mut bytes)?)?;
        let planes = read_string(&mut bytes).filter(|planes| zone.holds(planes, length))?.to_vec();
        columns.insert(*field, BlockColumn { zone, planes });
    }
    Some((Block::open(0, length, columns), Bitmap::range(length, 0..count)))
}

/// The counters of one cell, before it is stored.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) sums: Sums,
    /// The bucket of each duration.
    pub(super) buckets: Vec<u16>,
    /// The users, if the user is not a dimension.
    pub(super) users: Vec<u64>,
}

impl Cell {
    /// Appends the counters as a string: first the sums; then for each bucket the distance from the previous one and
    /// the number of its durations minus one; then for each user the distance of its number from the previous one.
    pub(super) fn write(&mut self, bytes: &mut Vec<u8>) {
        let mut string = Vec::new();
        self.sums.to_numbers().into_iter().for_each(|number| write(&mut string, number));
        self.buckets.sort_unstable();
        let mut last = 0;
        for run in self.buckets.chunk_by(|left, right| left == right) {
            // Most have one, so that this takes but a bit.
            let (step, more) = (u64::from(run[0] - last), run.len() as u64 - 1);
            write(&mut string, step << 1 | more.min(1));
            if more > 0 {
                write(&mut string, more);
            }
            last = run[0];
        }
        self.users.sort_unstable();
        self.users.dedup();
        self.users.iter().fold(0, |last, user| {
            write(&mut string, user - last);
            *user
        });
        write_string(bytes, &string);
    }
}

/// The amounts of the cells of a part.
pub(super) struct CellAmounts {
    bytes: Vec<u8>,
    /// The end of the string of each cell. A string begins with its length.
    strings: Vec<std::ops::Range<u32>>,
}

impl CellAmounts {
    /// The amounts in a blob; `None` if they do not belong to `cells` cells.
    pub(super) fn read(bytes: &[u8], cells: u64) -> Option<Self> {
        let (mut rest, mut strings) = (bytes, Vec::new());
        while !rest.is_empty() {
            let length = read_string(&mut rest)?.len();
            let end = u32::try_from(bytes.len() - rest.len()).ok()?;
            strings.push(end - length as u32..end);
        }
        (strings.len() as u64 == cells).then(|| Self { bytes: bytes.to_vec(), strings })
    }
}

impl Amounts for CellAmounts {
    fn add(&self, row: usize, to: &mut Total) {
        let mut string = self.strings.get(row).map_or(&[][..], |at| &self.bytes[at.start as usize..at.end as usize]);
        let sums = Sums::from_numbers(std::array::from_fn(|_| read(&mut string).unwrap_or(0)));
        to.sums.add(&sums);
        if !to.is_full() {
            return;
        }
        let (mut bucket, mut timed) = (0_usize, sums.timed);
        while timed > 0 {
            let Some(step) = read(&mut string) else { return };
            let count = if step & 1 == 1 { read(&mut string).unwrap_or(0).saturating_add(1) } else { 1 };
            bucket = usize::try_from(step >> 1).unwrap_or(BUCKETS).saturating_add(bucket).min(BUCKETS - 1);
            to.add_durations(bucket, u32::try_from(count).unwrap_or(u32::MAX));
            timed = timed.saturating_sub(count);
        }
        let mut user = 0_u64;
        while let Some(distance) = read(&mut string) {
            user = user.saturating_add(distance);
            to.add_user(user);
        }
    }
}

fn write_string(bytes: &mut Vec<u8>, string: &[u8]) {
    write(bytes, string.len() as u64);
    bytes.extend_from_slice(string);
}

fn read_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read(rest)?).ok()?;
    let (string, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(string)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LARGE: u64 = 1_024;

    fn stored(count: usize) -> Vec<u8> {
        let tools = (0..count as u64).map(|row| row % 5).collect();
        pack_cells(count, [(Field::Tool, tools), (Field::User, vec![9; count])])
    }

    #[test]
    fn cells_come_back_as_they_were() {
        let (block, all) = read_cells(&stored(70), LARGE).expect("cells");
        assert_eq!((block.length, all.count()), (128, 70));
    }

    #[test]
    fn a_forged_count_costs_no_memory() {
        for count in [0, 1, 129, LARGE + 1, 1 << 50, u64::MAX] {
            let mut forged = Vec::new();
            write(&mut forged, count);
            forged.extend(&stored(70)[1..]);
            assert!(read_cells(&forged, LARGE).is_none(), "{count}");
        }
        // Nothing but the count itself says how many cells without a dimension there are.
        for (count, is_possible) in [(LARGE, true), (LARGE + 1, false), (1 << 50, false), (u64::MAX, false)] {
            let mut alone = Vec::new();
            write(&mut alone, count);
            assert_eq!(read_cells(&alone, LARGE).is_some(), is_possible, "{count}");
        }
        let short = stored(70);
        assert!(read_cells(&short[..short.len() - 1], LARGE).is_none());
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![3 => Just(0), 3 => 0..300_u64, 1 => any::<u64>(), 1 => (0..64_u32).prop_map(|bit| 1 << bit)]
    }

    proptest! {
        #[test]
        fn amounts_come_back_as_they_were(
            sums in prop::array::uniform8(number()),
            buckets in prop::collection::vec(prop_oneof![0..5_u16, 0..BUCKETS as u16], 0..20),
            users in prop::collection::vec(prop_oneof![1..100_u64, 1..1_u64 << 40], 0..20),
        ) {
            let (mut bytes, mut expected) = (Vec::new(), Total::new(true));
            expected.sums = Sums { timed: buckets.len() as u64, ..Sums::from_numbers(sums) };
            buckets.iter().for_each(|bucket| expected.add_durations(usize::from(*bucket), 1));
            users.iter().for_each(|user| expected.add_user(*user));
            Cell::default().write(&mut bytes);
            Cell { sums: expected.sums, buckets, users }.write(&mut bytes);
            let amounts = CellAmounts::read(&bytes, 2).expect("amounts");
            let mut found = Total::new(true);
            [0, 1, 2].into_iter().for_each(|row| amounts.add(row, &mut found));
            prop_assert_eq!(found, expected);
            prop_assert!(CellAmounts::read(&bytes, 1).is_none() && CellAmounts::read(&bytes, 3).is_none());
            prop_assert!(CellAmounts::read(&bytes[..bytes.len() - 1], 2).is_none());
        }
    }

    #[test]
    fn a_forged_histogram_stays_within_its_buckets() {
        let (mut string, mut bytes) = (Vec::new(), Vec::new());
        [0, 0, u64::MAX, 0, 0, 0, 0, 0, u64::MAX, u64::MAX, 5]
            .into_iter()
            .for_each(|number| write(&mut string, number));
        write_string(&mut bytes, &string);
        let (mut found, mut expected) = (Total::new(true), Total::new(true));
        CellAmounts::read(&bytes, 1).expect("a string").add(0, &mut found);
        expected.sums.timed = u64::MAX;
        expected.add_durations(BUCKETS - 1, u32::MAX);
        // The rest of the string is read as users.
        expected.add_user(5);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_smallest_cut_that_knows_enough_is_taken() {
        let cut = |fields: &[Field]| Cut::of(bits(fields)).map(Cut::fields);
        assert_eq!(cut(&[]), Some(&[][..]));
        assert_eq!(cut(&[Field::Instance]), Some(&[][..]));
        assert_eq!(cut(&[Field::Instance, Field::Tool]), Some(&[Field::Tool][..]));
        assert_eq!(cut(&[Field::Tool, Field::User]), Some(&[Field::User, Field::Tool][..]));
        assert_eq!(cut(&[Field::Tool, Field::Server]), None);
        assert_eq!(cut(&[Field::Method]), None);
    }
}
