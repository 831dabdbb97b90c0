//! Reads the rows of a segment back. A file may come from anywhere, so nothing in it is trusted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use uuid::Uuid;

use super::super::column::{Column, Columns};
use super::rows;

/// Why a file is not a segment with so many rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// It is no Parquet file, or a damaged one.
    #[error("it cannot be read as Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// The decoder gave up.
    #[error("it cannot be read as Parquet: its decoder failed")]
    Decoder,
    /// It has other columns than a segment of this version.
    #[error("it does not have exactly the columns of a segment")]
    Columns,
    /// It has another number of rows.
    #[error("it has {rows} rows instead of {expected}")]
    Rows {
        /// The number of rows.
        rows: i64,
        /// The number that a segment must have.
        expected: u64,
    },
    /// A value is not one that the log writes.
    #[error("row {row} has a value in the column {column} that no log writes")]
    Value {
        /// The number of the row, from 0.
        row: usize,
        /// The column.
        column: &'static str,
    },
}

/// Reads a segment of exactly so many rows, and passes each entry to `each`. Entries that were passed before an error are
/// not to be used.
///
/// # Errors
/// The file is not such a segment.
pub fn read_segment(file: Vec<u8>, expected: u64, mut each: impl FnMut(Entry)) -> Result<(), SegmentError> {
    // The decoder has asserts of its own, and the file may be made by an attacker.
    let read = catch_unwind(AssertUnwindSafe(|| read(file.into(), expected, &mut each)));
    read.unwrap_or(Err(SegmentError::Decoder))
}

fn read(file: Bytes, expected: u64, each: &mut dyn FnMut(Entry)) -> Result<(), SegmentError> {
    let file = SerializedFileReader::new(file)?;
    let (columns, metadata) = (Columns::committed(), file.metadata().file_metadata());
    if *metadata.schema() != rows(&columns)? {
        return Err(SegmentError::Columns);
    }
    let wrong = |rows| SegmentError::Rows { rows, expected };
    if u64::try_from(metadata.num_rows()) != Ok(expected) {
        return Err(wrong(metadata.num_rows()));
    }
    let mut before = 0;
    for number in 0..file.num_row_groups() {
        let group = file.get_row_group(number)?;
        let rows = group.metadata().num_rows();
        let length = usize::try_from(rows).ok().filter(|length| (before + length) as u64 <= expected);
        let length = length.ok_or_else(|| wrong(rows))?;
        let read = |(at, column): (usize, Column)| Ok((column, Values::read(group.get_column_reader(at)?, length)?));
        let mut read = columns.iter().enumerate().map(read).collect::<Result<Vec<_>, ParquetError>>()?;
        for row in 0..length {
            each(entry(&mut read).map_err(|column| SegmentError::Value { row: before + row, column })?);
        }
        before += length;
    }
    if before as u64 == expected { Ok(()) } else { Err(wrong(before as i64)) }
}

/// The values of a column in a group, and which of its rows have one.
enum Values {
    Integers(Cells<i64>),
    Texts(Cells<ByteArray>),
}

struct Cells<T> {
    values: std::vec::IntoIter<T>,
    /// 1 for a row with a value; none if every row has one.
    levels: std::vec::IntoIter<i16>,
    required: bool,
}

impl Values {
    fn read(reader: ColumnReader, rows: usize) -> Result<Self, ParquetError> {
        match reader {
            ColumnReader::Int64ColumnReader(reader) => Cells::read(reader, rows).map(Self::Integers),
            ColumnReader::ByteArrayColumnReader(reader) => Cells::read(reader, rows).map(Self::Texts),
            _ => Err(ParquetError::General("a column has another type".to_owned())),
        }
    }
}

impl<T> Cells<T> {
    fn read<D: DataType<T = T>>(mut reader: ColumnReaderImpl<D>, rows: usize) -> Result<Self, ParquetError> {
        let (mut values, mut levels, mut records) = (Vec::new(), Vec::new(), 0);
        while records < rows {
            let (read, ..) = reader.read_records(rows - records, Some(&mut levels), None, &mut values)?;
            if read == 0 {
                return Err(ParquetError::General("a column is shorter than the others".to_owned()));
            }
            records += read;
        }
        let required = levels.is_empty();
        let set = levels.iter().filter(|level| **level == 1).count();
        if (required && values.len() != rows) || (!required && (levels.len(), set) != (rows, values.len())) {
            return Err(ParquetError::General("a column does not fit its levels".to_owned()));
        }
        Ok(Self { values: values.into_iter(), levels: levels.into_iter(), required })
    }

    fn next(&mut self) -> Option<T> {
        if self.required || self.levels.next() == Some(1) { self.values.next() } else { None }
    }
}

/// The entry of the next row; or the column with a value that is none of a log's.
fn entry(columns: &mut [(Column, Values)]) -> Result<Entry, &'static str> {
    let mut entry = Entry::new(Uuid::nil(), Timestamp::EPOCH, Timestamp::EPOCH);
    for (column, values) in columns {
        let set = match values {
            Values::Integers(cells) => cells.next().map(|number| set_number(&mut entry, *column, number)),
            Values::Texts(cells) => cells.next().map(|text| {
                let text = text.as_utf8().ok().filter(|text| !text.is_empty())?;
                set_text(&mut entry, *column, text)
            }),
        };
        if set == Some(None) {
            return Err(column.name());
        }
    }
    Ok(entry)
}

fn set_number(entry: &mut Entry, column: Column, number: i64) -> Option<()> {
    let Column::Field(field) = column else { return None };
    match field {
        Field::Seq => entry.seq = number.try_into().ok()?,
        Field::OccurredAt => entry.occurred_at = Timestamp::from_micros(number),
        Field::RecordedAt => entry.recorded_at = Timestamp::from_micros(number),
        Field::StatusCode => entry.status_code = Some(number.try_into().ok()?),
        field => *entry.count_mut(field)? = Some(number.try_into().ok()?),
    }
    Some(())
}

/// Only the spelling that the log writes is accepted, so that what is shown is what is hashed.
fn set_text(entry: &mut Entry, column: Column, text: &str) -> Option<()> {
    match column {
        Column::Field(field) if field.kind() == FieldType::Id => {
            let id = Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)?;
            if field == Field::Parent { entry.parent = Some(id) } else { entry.id = id }
        }
        Column::Field(field) => entry.set_text(field, Some(text)),
        Column::PayloadCommitment => entry.payload_commitment = Some(Hash::from_hex(text)?.0),
        Column::Details => {
            entry.details = serde_json::from_str(text).ok()?;
            entry.details_text().filter(|written| written == text)?;
        }
        _ => return None,
    }
    Some(())
}
