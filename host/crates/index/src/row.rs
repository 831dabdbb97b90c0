//! The columns of an entry, as a store writes and reads them.

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
    entry: &'a Entry,
    seq: u64,
    recorded_at: Timestamp,
    /// The numbers of texts in the dictionary, by field; 0 for none.
    numbers: [u64; Field::COUNT],
    details: Option<String>,
}

impl<'a> NewRow<'a> {
    /// `entry` at `seq`; `numbers` has the numbers of its texts in the dictionary, by field, and 0 for none.
    pub(crate) fn new(entry: &'a Entry, seq: u64, recorded_at: Timestamp, numbers: [u64; Field::COUNT]) -> Self {
        Self { entry, seq, recorded_at, numbers, details: entry.details_text() }
    }

    /// Its `seq`.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    fn field(&self, field: Field) -> ColumnValue<'_> {
        let integer = |number: Option<i64>| number.map_or(ColumnValue::Unset, ColumnValue::Integer);
        match (field, field.kind()) {
            (Field::Seq, _) => ColumnValue::Integer(self.seq.cast_signed()),
            (Field::RecordedAt, _) => ColumnValue::Integer(self.recorded_at.as_micros()),
            (Field::Parent, _) => {
                self.entry.parent.as_ref().map_or(ColumnValue::Unset, |id| ColumnValue::Bytes(id.as_bytes()))
            }
            (_, FieldType::Id) => ColumnValue::Bytes(self.entry.id.as_bytes()),
            (_, FieldType::Text) if field.repeats() => match self.numbers[field as usize] {
                0 => ColumnValue::Unset,
                number => ColumnValue::Integer(number.cast_signed()),
            },
            (_, FieldType::Text) => self.entry.text(field).map_or(ColumnValue::Unset, ColumnValue::Text),
            (_, FieldType::Integer | FieldType::Time) => integer(match self.entry.value(field) {
                Value::Integer(number) => Some(number),
                _ => None,
            }),
        }
    }
}

impl Row for NewRow<'_> {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match at {
            COMMITMENT => {
                let commitment = self.entry.payload_commitment.as_ref();
                commitment.map_or(ColumnValue::Unset, |commitment: &[u8; Hash::LENGTH]| ColumnValue::Bytes(commitment))
            }
            DETAILS => self.details.as_deref().map_or(ColumnValue::Unset, ColumnValue::Text),
            at => Field::ALL.get(at).map_or(ColumnValue::Unset, |field| self.field(*field)),
        }
    }
}
