//! A column of the rows that form the next group.

use bytes::Bytes;
use parquet::basic::Type as Physical;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;

use crate::column::Cell;

/// The values, and their rows.
pub(super) struct Gathered {
    values: Values,
    /// 1 if a row has a value, otherwise 0; `None` if every row has one.
    levels: Option<Vec<i16>>,
}

enum Values {
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
    /// All texts joined, and the end of each of them.
    Texts(Vec<u8>, Vec<usize>),
}

impl Gathered {
    pub(super) fn new(physical: Physical, required: bool) -> Self {
        let values = match physical {
            Physical::BOOLEAN => Values::Booleans(Vec::new()),
            Physical::INT64 => Values::Integers(Vec::new()),
            _ => Values::Texts(Vec::new(), Vec::new()),
        };
        Self { values, levels: (!required).then(Vec::new) }
    }

    /// Adds the value of a row. A cell of another type than the column's counts as empty.
    pub(super) fn add(&mut self, cell: &Cell<'_>) {
        let is_set = match (&mut self.values, cell) {
            (Values::Booleans(values), Cell::Boolean(value)) => Self::push(values, *value),
            (Values::Integers(values), Cell::Integer(number)) => Self::push(values, *number),
            (Values::Integers(values), Cell::Time(time)) => Self::push(values, time.as_micros()),
            (Values::Texts(bytes, ends), Cell::Text(text)) => {
                bytes.extend_from_slice(text.as_bytes());
                Self::push(ends, bytes.len())
            }
            _ => false,
        };
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(is_set));
        }
    }

    fn push<T>(values: &mut Vec<T>, value: T) -> bool {
        values.push(value);
        true
    }

    /// Writes all values and removes them from memory.
    pub(super) fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_mut().map(std::mem::take);
        match &mut self.values {
            Values::Booleans(values) => write::<BoolType>(column, std::mem::take(values), levels),
            Values::Integers(values) => write::<Int64Type>(column, std::mem::take(values), levels),
            Values::Texts(bytes, ends) => {
                let bytes = Bytes::from(std::mem::take(bytes));
                let ends = std::mem::take(ends);
                let begins = std::iter::once(0).chain(ends.iter().copied());
                let texts = begins.zip(&ends).map(|(begin, end)| ByteArray::from(bytes.slice(begin..*end)));
                write::<ByteArrayType>(column, texts.collect(), levels)
            }
        }
    }
}

fn write<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    values: Vec<T::T>,
    levels: Option<Vec<i16>>,
) -> Result<(), ParquetError> {
    column.typed::<T>().write_batch(&values, levels.as_deref(), None).map(drop)
}
