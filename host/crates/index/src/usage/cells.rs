//! A part: cells of one cut and one grain, each of the requests that share their dimensions and their time.
//!
//! Cells are kept as entries are in the index: a column for each field, so that the same plan finds both. What is counted
//! of them is stored beside them ([`super::sums`], [`super::durations`], [`super::users`]), and read where it is asked for.

use std::collections::HashMap;

use crate::columns::{Bitmap, BlockColumn, Kind, Zone, read, write};
use crate::search::blocks::Block;
use mcp_audit_log_model::field::Field;

/// What cells are of.
pub(super) struct Cells {
    /// The dimensions; the field of time holds when the hour or the day begins.
    pub(super) block: Block,
    pub(super) count: u64,
}

impl Cells {
    /// As stored: how many there are, then number, zone and planes of each column. Each column has a number for each of
    /// `count` cells.
    pub(super) fn pack(count: usize, columns: impl IntoIterator<Item = (Field, Vec<u64>)>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, count as u64);
        for (field, mut raw) in columns {
            raw.resize(count.next_multiple_of(64), 0);
            // Times are listed as texts are: there are few hours in a run.
            let Some(column) = BlockColumn::encode(Kind::Term, &raw) else { continue };
            write(&mut bytes, field as u64);
            for part in [&column.zone.to_bytes(), &column.planes] {
                write(&mut bytes, part.len() as u64);
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// The cells in stored bytes; `None` when they are none. `most` is as many as a run has places.
    pub(super) fn from_bytes(bytes: &[u8], most: u64) -> Option<Self> {
        let mut rest = bytes;
        // A run has no more requests than places, and so no more cells.
        let count = read(&mut rest).filter(|count| *count <= most)?;
        let (length, mut columns) = (count.next_multiple_of(64), HashMap::new());
        while !rest.is_empty() {
            let field = Field::ALL.get(usize::try_from(read(&mut rest)?).ok()?)?;
            let zone = Zone::from_bytes(part(&mut rest)?)?;
            let planes = part(&mut rest).filter(|planes| zone.holds(planes, length))?.to_vec();
            columns.insert(*field, BlockColumn { zone, planes });
        }
        Some(Self { block: Block::open(0, length, columns), count })
    }

    /// All of the cells.
    pub(super) fn all(&self) -> Bitmap {
        Bitmap::range(self.block.length, 0..self.count)
    }
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read(rest)?).ok()?;
    let (part, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u64 = 1_024;

    fn stored(count: usize) -> Vec<u8> {
        Cells::pack(
            count,
            [(Field::Tool, (0..count as u64).map(|row| row % 5).collect()), (Field::User, vec![9; count])],
        )
    }

    #[test]
    fn cells_come_back_as_they_were() {
        let cells = Cells::from_bytes(&stored(70), LARGE).expect("cells");
        assert_eq!((cells.count, cells.block.length, cells.all().count()), (70, 128, 70));
    }

    #[test]
    fn a_forged_count_costs_no_memory() {
        for count in [0, 1, 129, LARGE + 1, 1 << 50, u64::MAX] {
            let mut forged = Vec::new();
            write(&mut forged, count);
            forged.extend(&stored(70)[1..]);
            assert!(Cells::from_bytes(&forged, LARGE).is_none(), "{count}");
        }
        // Nothing but the count itself says how many cells without a dimension there are.
        for (count, is_possible) in [(LARGE, true), (LARGE + 1, false), (1 << 50, false), (u64::MAX, false)] {
            let mut alone = Vec::new();
            write(&mut alone, count);
            assert_eq!(Cells::from_bytes(&alone, LARGE).is_some(), is_possible, "{count}");
        }
        let short = stored(70);
        assert!(Cells::from_bytes(&short[..short.len() - 1], LARGE).is_none());
    }
}
