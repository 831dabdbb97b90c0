//! The block that is not full yet: its values in memory, until it is closed.

use super::{Column, SMALL, kind};
use mcp_audit_log_model::field::Field;

/// A column's numbers for one entry, by field; 0 is "not set".
pub(in super::super) type Raw = [u64; Field::COUNT];

/// The values of the open block's entries. Everything in here can be read from the rows again.
#[derive(Debug)]
pub(in super::super) struct OpenBlock {
    /// The place of its first entry.
    first: u64,
    columns: Vec<Vec<u64>>,
    length: u64,
}

impl OpenBlock {
    /// An empty block that begins at `first`.
    pub(in super::super) fn new(first: u64) -> Self {
        let columns = (0..Field::COUNT).map(|_| Vec::with_capacity(SMALL as usize)).collect();
        Self { first, columns, length: 0 }
    }

    /// The place of the first entry.
    pub(in super::super) fn first(&self) -> u64 {
        self.first
    }

    /// The place of the next entry.
    pub(in super::super) fn next(&self) -> u64 {
        self.first + self.length
    }

    /// Appends an entry.
    pub(in super::super) fn push(&mut self, raw: &Raw) {
        self.columns.iter_mut().zip(raw).for_each(|(column, raw)| column.push(*raw));
        self.length += 1;
    }

    /// Whether it is to be closed.
    pub(in super::super) fn is_full(&self) -> bool {
        self.length == SMALL
    }

    /// The columns of the full block; fields that nowhere have a value have none.
    pub(in super::super) fn encode(&self) -> Vec<(Field, Column)> {
        let column = |field: &Field| {
            let column = Column::encode(kind(*field)?, &self.columns[*field as usize])?;
            Some((*field, column))
        };
        Field::ALL.iter().filter_map(column).collect()
    }
}
