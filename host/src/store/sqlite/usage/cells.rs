//! A part: cells of one cut and one grain, each the sums of the requests that share their dimensions and their time.
//!
//! Cells are kept as entries are in the index: a column for each field, so that the same plan finds both. Their sums are
//! stored beside them, as who only asks which values there are needs none.

use std::collections::HashMap;

use super::super::axis::Axis;
use super::super::blocks::{Block, checked, sealed};
use crate::field::Field;
use crate::store::index::{Bitmap, Column, Kind, Zone, read, write};

/// Columns as they are stored, by a number each.
pub(super) struct Packed {
    /// How many rows.
    pub(super) length: u64,
    pub(super) columns: Vec<(u64, Column)>,
}

/// What cells are of.
pub(super) struct Cells {
    /// The dimensions; the field of time holds when the hour or the day begins.
    pub(super) block: Block,
    pub(super) count: u64,
}

impl Packed {
    /// `rows` numbers a column, under each column's own number.
    pub(super) fn new(rows: usize, columns: impl IntoIterator<Item = (u64, Kind, Vec<u64>)>) -> Self {
        let padded = rows.next_multiple_of(64);
        let column = |(number, kind, mut raw): (u64, Kind, Vec<u64>)| {
            raw.resize(padded, 0);
            Some((number, Column::encode(kind, &raw)?))
        };
        Self { length: rows as u64, columns: columns.into_iter().filter_map(column).collect() }
    }

    /// As stored: length, then number, zone and planes of each column, then a checksum.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, self.length);
        for (number, column) in &self.columns {
            write(&mut bytes, *number);
            for part in [&column.zone.to_bytes(), &column.planes] {
                write(&mut bytes, part.len() as u64);
                bytes.extend_from_slice(part);
            }
        }
        sealed(bytes)
    }

    /// The columns in stored bytes; `None` when they are none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = checked(bytes)?;
        let length = read(&mut rest)?;
        let mut columns = Vec::new();
        while !rest.is_empty() {
            let number = read(&mut rest)?;
            let zone = Zone::from_bytes(part(&mut rest)?)?;
            columns.push((number, Column { zone, planes: part(&mut rest)?.to_vec() }));
        }
        Some(Self { length, columns })
    }

    /// Rows with the padding behind them.
    pub(super) fn padded(&self) -> u64 {
        self.length.next_multiple_of(64)
    }

    /// Takes one column out, if it has any value.
    pub(super) fn axis(&mut self, number: u64) -> Option<Axis> {
        let length = self.padded();
        let found = self.columns.iter().position(|(other, _)| *other == number);
        found.map_or(Some(Axis::One), |at| Axis::of(self.columns.swap_remove(at).1, length))
    }
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read(rest)?).ok()?;
    let (part, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(part)
}

impl Cells {
    /// The cells in stored bytes; `None` when they are none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let packed = Packed::from_bytes(bytes)?;
        let (count, padded) = (packed.length, packed.padded());
        let field = |(number, column): (u64, Column)| {
            let field = Field::ALL.get(usize::try_from(number).ok()?)?;
            Some((*field, column))
        };
        let columns: HashMap<_, _> = packed.columns.into_iter().filter_map(field).collect();
        Some(Self { block: Block::open(0, padded, columns), count })
    }

    /// All of the cells.
    pub(super) fn all(&self) -> Bitmap {
        Bitmap::range(self.block.length, 0..self.count)
    }
}
