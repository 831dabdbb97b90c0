//! Encoding of entries, and the two formats that need little code: CSV and JSON Lines.

use std::io;

use mcp_audit_log_index::StoredPayload;
use mcp_audit_log_model::entry::Entry;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::column::{Cell, Column, Columns, Row};
use super::table::Table;

/// Encodes entries as bytes.
pub(super) trait Encoder: Send {
    /// Adds an entry.
    fn entry(&mut self, entry: &Entry, payload: Option<&StoredPayload>) -> io::Result<()>;

    /// The approximate number of bytes that are ready.
    fn pending(&self) -> usize;

    /// Returns the bytes that are ready, and removes them.
    fn take(&mut self) -> io::Result<Vec<u8>>;

    /// Returns the rest; nothing is added afterwards.
    fn finish(&mut self) -> io::Result<Vec<u8>>;
}

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

/// Writes lines.
pub(super) struct JsonLines {
    members: Vec<Column>,
    content: Vec<Column>,
    lines: Vec<u8>,
}

impl JsonLines {
    pub(super) fn new(columns: &Columns) -> Self {
        let (content, members) = columns.iter().partition(|column| column.is_content());
        Self { members, content, lines: Vec::new() }
    }
}

impl Encoder for JsonLines {
    fn entry(&mut self, entry: &Entry, payload: Option<&StoredPayload>) -> io::Result<()> {
        let line = Line { members: &self.members, content: &self.content, entry, payload };
        serde_json::to_writer(&mut self.lines, &line)?;
        self.lines.push(b'\n');
        Ok(())
    }

    fn pending(&self) -> usize {
        self.lines.len()
    }

    fn take(&mut self) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.lines))
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.take()
    }
}

/// An entry, with its payload as one member if parts of it are exported.
struct Line<'a> {
    members: &'a [Column],
    content: &'a [Column],
    entry: &'a Entry,
    payload: Option<&'a StoredPayload>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for column in self.members {
            match column {
                Column::Field(field) => map.serialize_entry(field.name(), &self.entry.json(*field))?,
                Column::HasPayload => map.serialize_entry(column.name(), &self.entry.has_payload)?,
                Column::Details => map.serialize_entry(column.name(), &self.entry.details)?,
                Column::PayloadCommitment | Column::Request | Column::Response | Column::PayloadNotes => {}
            }
        }
        if !self.content.is_empty() {
            let payload = self.payload.map(|payload| Content { columns: self.content, payload });
            map.serialize_entry("payload", &payload)?;
        }
        map.end()
    }
}

/// The kept parts of request and response.
struct Content<'a> {
    columns: &'a [Column],
    payload: &'a StoredPayload,
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let StoredPayload { request, response, notes, salt: _ } = self.payload;
        let mut map = serializer.serialize_map(None)?;
        for column in self.columns {
            match column {
                Column::Request => map.serialize_entry(column.name(), request)?,
                Column::Response => map.serialize_entry(column.name(), response)?,
                // As the API has them, beside the bodies.
                _ => notes.iter().try_for_each(|(name, note)| map.serialize_entry(name, note))?,
            }
        }
        map.end()
    }
}
