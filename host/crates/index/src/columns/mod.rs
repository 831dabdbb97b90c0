//! RowColumns: for every closed block of entries one per field, cut into bit planes.
//!
//! A B-tree per field is written in as many places as an entry has fields, for every entry, and the more of them the
//! larger the log is. A block is written once, when it is full, and appended; a filter over it is a few word operations
//! per plane, whatever the operator; and the same planes give groups, sums and the values that exist. The idea is the
//! bit-sliced index of O'Neil and Quass (*Improved Query Performance with Variant Indexes*, 1997).

mod bitmap;
mod column;
mod hash;
mod open;
mod planes;

pub(crate) use bitmap::Bitmap;
pub use column::{BlockColumn, Zone};
pub(crate) use column::{ValueSet, read, write};
pub(crate) use hash::hash;
pub(crate) use open::{OpenBlock, Raw};
pub(crate) use planes::PlanesBuf;

use mcp_audit_log_model::field::{Field, FieldType};

/// How many blocks become one large block: fewer blocks to look at in a large log. What is younger than the last block
/// is found by reading rows.
pub(crate) const MERGED: u64 = 16;

/// How a field's values become numbers in a column. 0 always means that the field is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// The number of its text in the dictionary.
    Term,
    /// The number itself, plus one.
    Number,
    /// The microseconds, with the sign bit turned over so that they are ordered as unsigned numbers.
    Time,
    /// A short hash of a text that hardly repeats: it says where to look, and the row says whether it is so.
    Hash,
}

/// How `field` is kept in the index; `None` where the rows' own order or an index of its own serves.
pub(crate) fn kind(field: Field) -> Option<ColumnKind> {
    match (field, field.kind()) {
        (Field::Seq | Field::Id | Field::RecordedAt, _) => None,
        (_, FieldType::Integer) => Some(ColumnKind::Number),
        (_, FieldType::Time) => Some(ColumnKind::Time),
        (_, FieldType::Text) if field.repeats() => Some(ColumnKind::Term),
        (_, FieldType::Text | FieldType::Id) => Some(ColumnKind::Hash),
    }
}

impl ColumnKind {
    /// The column's number for a stored number.
    pub(super) fn raw(self, stored: i64) -> u64 {
        match self {
            Self::Term | Self::Hash => stored.unsigned_abs(),
            Self::Number => stored.max(0).unsigned_abs() + 1,
            Self::Time => stored.cast_unsigned() ^ (1 << 63),
        }
    }

    /// The stored number again; of a hash, nothing comes back.
    pub(super) fn stored(self, raw: u64) -> i64 {
        match self {
            Self::Term | Self::Hash => raw.cast_signed(),
            Self::Number => raw.cast_signed() - 1,
            Self::Time => (raw ^ (1 << 63)).cast_signed(),
        }
    }
}
