//! Apache Parquet: the rows of a group are collected by column, and written when there are enough.
//!
//! A group is bounded by rows and by bytes, and the bytes of a written group can be taken. Only the footer stays until
//! the end, some hundred bytes for each column of each group.

mod gathered;
mod read;

use std::io;
use std::sync::Arc;

use mcp_audit_log_index::StoredPayload;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use self::gathered::Gathered;
use super::column::{Cell, Row};
use super::column::{Column, Columns};
use super::encoder::Encoder;

pub use read::{SegmentError, read_segment};

/// Most rows of a group: enough for readers that work on groups side by side, and some 30 MB gathered.
const ROWS: usize = 65_536;
/// Most bytes of texts in a group, about: bodies are long.
const BYTES: usize = 8 << 20;

/// Writes groups of rows.
pub(super) struct Parquet {
    columns: Vec<(Column, Gathered)>,
    rows: usize,
    bytes: usize,
    writer: SerializedFileWriter<Vec<u8>>,
}

impl Parquet {
    pub(super) fn new(columns: &Columns) -> io::Result<Self> {
        let schema = rows(columns).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("mcp-audit-log ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // By group, so that readers pass over groups; by page it is as much again for groups of this size.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let columns = columns.iter().map(|column| (column, Gathered::new(physical(column), is_required(column))));
        Ok(Self { columns: columns.collect(), rows: 0, bytes: 0, writer })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (_, gathered) in &mut self.columns {
            let column = group.next_column()?;
            let mut column = column.ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
            gathered.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Encoder for Parquet {
    fn entry(&mut self, entry: &Entry, payload: Option<&StoredPayload>) -> io::Result<()> {
        let row = Row { entry, payload };
        for (column, gathered) in &mut self.columns {
            let cell = row.cell(*column);
            self.bytes += if let Cell::Text(text) = &cell { text.len() } else { 0 };
            gathered.add(&cell);
        }
        self.rows += 1;
        if self.rows >= ROWS || self.bytes >= BYTES { self.write_group().map_err(failed) } else { Ok(()) }
    }

    fn pending(&self) -> usize {
        self.writer.inner().len()
    }

    fn take(&mut self) -> io::Result<Vec<u8>> {
        self.writer.flush()?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.write_group().map_err(failed)?;
        self.writer.finish().map_err(failed)?;
        self.take()
    }
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error.to_string())
}

/// The schema of a file with these columns.
fn rows(columns: &Columns) -> Result<Type, ParquetError> {
    let fields = columns.iter().map(|column| Ok(Arc::new(schema(column)?))).collect::<Result<_, ParquetError>>()?;
    Type::group_type_builder("entry").with_fields(fields).build()
}

fn schema(column: Column) -> Result<Type, ParquetError> {
    let logical = match (physical(column), column) {
        // Not the logical type of UUIDs, which Spark and ClickHouse show as bytes; filters take the text.
        (Physical::BYTE_ARRAY, _) => Some(LogicalType::String),
        (_, Column::Field(field)) if field.kind() == FieldType::Time => {
            Some(LogicalType::timestamp(true, TimeUnit::MICROS))
        }
        _ => None,
    };
    let repetition = if is_required(column) { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    let builder = Type::primitive_type_builder(column.name(), physical(column));
    builder.with_logical_type(logical).with_repetition(repetition).build()
}

fn physical(column: Column) -> Physical {
    match column {
        Column::HasPayload => Physical::BOOLEAN,
        Column::Field(field) if matches!(field.kind(), FieldType::Integer | FieldType::Time) => Physical::INT64,
        _ => Physical::BYTE_ARRAY,
    }
}

/// Whether every entry has this column.
fn is_required(column: Column) -> bool {
    match column {
        Column::Field(field) => matches!(field, Field::Seq | Field::Id | Field::OccurredAt | Field::RecordedAt),
        column => column == Column::HasPayload,
    }
}
