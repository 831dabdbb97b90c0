//! The block that is not full yet: its values in memory, until it is closed.

use super::{BlockColumn, kind};
use mcp_audit_log_model::field::Field;

/// A column's numbers for one entry, by field; 0 is "not set".
pub(crate) type Raw = [u64; Field::COUNT];

/// The values of the open block's entries. All of them can be read from the rows again.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    /// The `seq` of its first entry.
    first: u64,
    columns: Vec<Vec<u64>>,
    length: u64,
    /// The number of its entries when it is full.
    full: u64,
}

impl OpenBlock {
    /// An empty block that begins at `first`, of `full` entries when it is closed.
    pub(crate) fn new(first: u64, full: u64) -> Self {
        let columns = (0..Field::COUNT).map(|_| Vec::with_capacity(full as usize)).collect();
        Self { first, columns, length: 0, full }
    }

    /// The `seq` of the first entry.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The `seq` of the next entry.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.length
    }

    /// Appends an entry.
    pub(crate) fn push(&mut self, raw: &Raw) {
        self.columns.iter_mut().zip(raw).for_each(|(column, raw)| column.push(*raw));
        self.length += 1;
    }

    /// Whether the block is full and must be closed.
    pub(crate) fn is_full(&self) -> bool {
        self.length == self.full
    }

    /// The columns of the full block. A field without any value has no column.
    pub(crate) fn encode(&self) -> Vec<(Field, BlockColumn)> {
        let column = |field: &Field| {
            let column = BlockColumn::encode(kind(*field)?, &self.columns[*field as usize])?;
            Some((*field, column))
        };
        Field::ALL.iter().filter_map(column).collect()
    }
}
