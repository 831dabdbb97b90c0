//! A part: cells of one cut and one grain, each of the requests that share their dimensions and their time.
//!
//! Cells are kept as entries are in the index: a column for each field, so that the same plan finds both. What is counted
//! of them is stored beside them ([`super::sums`], [`super::durations`], [`super::users`]), and read where it is asked for.

use std::collections::HashMap;

use super::super::blocks::{Block, checked, sealed};
use crate::field::Field;
use crate::store::index::{Bitmap, Column, Kind, Zone, read, write};

/// What cells are of.
pub(super) struct Cells {
    /// The dimensions; the field of time holds when the hour or the day begins.
    pub(super) block: Block,
    pub(super) count: u64,
}

impl Cells {
    /// As stored: how many there are, then number, zone and planes of each column, then a checksum. Each column has a
    /// number for each of `count` cells.
    pub(super) fn pack(count: usize, columns: impl IntoIterator<Item = (Field, Vec<u64>)>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, count as u64);
        for (field, mut raw) in columns {
            raw.resize(count.next_multiple_of(64), 0);
            // Times are listed as texts are: there are few hours in a run.
            let Some(column) = Column::encode(Kind::Term, &raw) else { continue };
            write(&mut bytes, field as u64);
            for part in [&column.zone.to_bytes(), &column.planes] {
                write(&mut bytes, part.len() as u64);
                bytes.extend_from_slice(part);
            }
        }
        sealed(bytes)
    }

    /// The cells in stored bytes; `None` when they are none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = checked(bytes)?;
        let count = read(&mut rest)?;
        let mut columns = HashMap::new();
        while !rest.is_empty() {
            let field = Field::ALL.get(usize::try_from(read(&mut rest)?).ok()?)?;
            let zone = Zone::from_bytes(part(&mut rest)?)?;
            columns.insert(*field, Column { zone, planes: part(&mut rest)?.to_vec() });
        }
        Some(Self { block: Block::open(0, count.checked_next_multiple_of(64)?, columns), count })
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
