//! A few numbers of a row, without reading the rest of it: searches read one or two columns of thousands of rows.

use super::layout::{COLUMNS, Form, Part, form};
use super::packed::{Common, Scan};
use mcp_audit_log_index::ColumnValue;
use mcp_audit_log_model::field::{Field, FieldType};

/// The most columns that are read in this way.
const MOST: usize = 8;

/// Which columns are wanted, all of them numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct FewColumns {
    /// The position of each column's value, plus one; 0 if it is not wanted.
    positions: [u8; COLUMNS],
    /// Whether a column of the row itself is wanted, or only common ones.
    is_own: bool,
}

/// The values of a row for these columns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FewValues([Option<i64>; MOST]);

impl FewColumns {
    /// These fields; `None` if they cannot be read in this way.
    pub(super) fn new(fields: &[Field]) -> Option<Self> {
        let mut few = Self { positions: [0; COLUMNS], is_own: false };
        if fields.len() > MOST {
            return None;
        }
        for (position, field) in (1..).zip(fields) {
            let column = *field as usize;
            let is_number = matches!(form(column), Form::Number | Form::Term) || field.kind() == FieldType::Time;
            if !is_number || few.positions[column] > 0 {
                return None;
            }
            few.positions[column] = position;
            few.is_own |= !Part::ALL.iter().any(|part| part.has(column));
        }
        Some(few)
    }

    /// Reads a row; `None` if it cannot be read. The common columns that have a number are missing.
    pub(super) fn read(&self, seq: u64, mut row: Scan<'_>, parts: [bool; 2]) -> Option<FewValues> {
        let mut values = FewValues::default();
        let is_elsewhere = parts.into_iter().zip(row.numbers).all(|(is_wanted, number)| !is_wanted || number > 0);
        if !self.is_own && is_elsewhere {
            return Some(values);
        }
        let (recorded_at, occurred_at) = row.begin()?;
        for (field, value) in
            [(Field::Seq, seq.cast_signed()), (Field::RecordedAt, recorded_at), (Field::OccurredAt, occurred_at)]
        {
            self.put(&mut values, field as usize, value);
        }
        while let Some((column, number)) = row.next_number()? {
            self.put(&mut values, column, number);
        }
        Some(values)
    }

    /// Adds common columns.
    pub(super) fn add(&self, values: &mut FewValues, common: &Common) {
        common.iter().for_each(|(column, number)| self.put(values, usize::from(*column), *number));
    }

    fn put(&self, values: &mut FewValues, column: usize, number: i64) {
        if let Some(position) = self.positions[column].checked_sub(1) {
            values.0[usize::from(position)] = Some(number);
        }
    }
}

impl FewValues {
    /// The value at a position in the order of the wanted columns.
    pub(super) fn column(&self, at: usize) -> ColumnValue<'static> {
        self.0.get(at).copied().flatten().map_or(ColumnValue::Unset, ColumnValue::Integer)
    }
}
