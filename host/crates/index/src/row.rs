//! The columns of an entry, as a store writes and reads them.

use crate::columns::{Raw, hash, kind};
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// The columns that are read of a row, in the order of [`Row::column`].
#[derive(Clone, Copy, Debug)]
pub enum RowColumns<'a> {
    /// These fields.
    Fields(&'a [Field]),
    /// For pages and the API: every field in order, then [`COMMITMENT`], [`DETAILS`] and [`HAS_PAYLOAD`].
    Shown,
    /// For the ledger: every field in order, then [`COMMITMENT`], [`DETAILS`] and [`VERSION`].
    Hashed,
}

/// The column of the commitment to the payload, after the columns of the fields.
pub const COMMITMENT: usize = Field::COUNT;
/// The column of the details: a JSON object as text.
pub const DETAILS: usize = Field::COUNT + 1;
/// In [`RowColumns::Shown`]: 1 if a payload is stored with the entry, else 0.
pub const HAS_PAYLOAD: usize = Field::COUNT + 2;
/// In [`RowColumns::Hashed`]: the version of the hashed encoding.
pub const VERSION: usize = Field::COUNT + 2;

/// The value of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnValue<'a> {
    /// Nothing.
    Unset,
    /// A number, microseconds of a time, or the number of a text in the dictionary.
    Integer(i64),
    /// A text of a field whose texts hardly repeat.
    Text(&'a str),
    /// An id of 16 bytes, or a commitment of 32.
    Bytes(&'a [u8]),
    /// A value that no store writes in this column.
    Unreadable,
}

/// One row.
pub trait Row {
    /// The column at a position in the order of the requested [`RowColumns`].
    fn column(&self, at: usize) -> ColumnValue<'_>;
}

/// An entry that is being stored, with the values that only the writer sets. Its columns are those of
/// [`RowColumns::Hashed`] without the version.
#[derive(Debug)]
pub struct NewRow<'a> {
    seq: u64,
    /// The columns of the fields.
    fields: [ColumnValue<'a>; Field::COUNT],
    commitment: Option<&'a [u8; Hash::LENGTH]>,
    details: Option<String>,
}

impl<'a> NewRow<'a> {
    /// `entry` at `seq`; `numbers` has the numbers of its texts in the dictionary, by field, and 0 for none.
    pub(crate) fn new(entry: &'a Entry, seq: u64, recorded_at: Timestamp, numbers: [u64; Field::COUNT]) -> Self {
        let mut fields = [ColumnValue::Unset; Field::COUNT];
        for ((column, field), number) in fields.iter_mut().zip(Field::ALL).zip(numbers) {
            *column = match field {
                Field::Seq => ColumnValue::Integer(seq.cast_signed()),
                Field::RecordedAt => ColumnValue::Integer(recorded_at.as_micros()),
                field if field.repeats() && number > 0 => ColumnValue::Integer(number.cast_signed()),
                field if field.repeats() => ColumnValue::Unset,
                field => own_column(entry, *field),
            };
        }
        Self { seq, fields, commitment: entry.payload_commitment.as_ref(), details: entry.details_text() }
    }

    /// Its `seq`.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The index numbers of its fields.
    pub(crate) fn raw(&self) -> Raw {
        std::array::from_fn(|at| raw(Field::ALL[at], self.fields[at]))
    }
}

/// The column of a field whose value the entry itself has.
fn own_column(entry: &Entry, field: Field) -> ColumnValue<'_> {
    match field.kind() {
        FieldType::Id if field == Field::Parent => {
            entry.parent.as_ref().map_or(ColumnValue::Unset, |id| ColumnValue::Bytes(id.as_bytes()))
        }
        FieldType::Id => ColumnValue::Bytes(entry.id.as_bytes()),
        FieldType::Text => entry.text(field).map_or(ColumnValue::Unset, ColumnValue::Text),
        FieldType::Integer | FieldType::Time => match entry.value(field) {
            Value::Integer(number) => ColumnValue::Integer(number),
            _ => ColumnValue::Unset,
        },
    }
}

impl Row for NewRow<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match at {
            COMMITMENT => self.commitment.map_or(ColumnValue::Unset, |commitment| ColumnValue::Bytes(commitment)),
            DETAILS => self.details.as_deref().map_or(ColumnValue::Unset, ColumnValue::Text),
            at => self.fields.get(at).copied().unwrap_or(ColumnValue::Unset),
        }
    }
}

/// The index number of a field with this value; 0 is "not set".
#[doc(hidden)]
pub fn raw(field: Field, value: ColumnValue<'_>) -> u64 {
    let Some(kind) = kind(field) else { return 0 };
    match value {
        ColumnValue::Integer(number) => kind.raw(number),
        ColumnValue::Text(text) => hash(text.as_bytes()),
        ColumnValue::Bytes(bytes) => hash(bytes),
        ColumnValue::Unset | ColumnValue::Unreadable => 0,
    }
}
