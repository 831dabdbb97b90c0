//! Entries as a table in CSV.

use std::io;

use super::cell::{Cell, Row};
use super::column::{Column, Columns};
use super::encoder::Encoder;
use super::table::Table;
use crate::entry::Entry;
use crate::store::StoredPayload;

/// Writes rows of cells.
pub(super) struct Csv {
    columns: Vec<Column>,
    table: Table,
}

impl Csv {
    pub(super) fn new(columns: &Columns) -> io::Result<Self> {
        let columns: Vec<_> = columns.iter().collect();
        let table = Table::new(columns.iter().map(|column| column.name()))?;
        Ok(Self { columns, table })
    }
}

impl Encoder for Csv {
    fn entry(&mut self, entry: &Entry, payload: Option<&StoredPayload>) -> io::Result<()> {
        let row = Row { entry, payload };
        for column in &self.columns {
            match row.cell(*column) {
                Cell::Unset => self.table.cell(""),
                Cell::Boolean(value) => self.table.cell(if value { "true" } else { "false" }),
                Cell::Integer(number) => self.table.cell(number.to_string()),
                Cell::Time(time) => self.table.cell(time.to_string()),
                Cell::Text(text) => self.table.text(&text),
            }?;
        }
        self.table.end()
    }

    fn pending(&self) -> usize {
        self.table.pending()
    }

    fn take(&mut self) -> io::Result<Vec<u8>> {
        self.table.take()
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.take()
    }
}
