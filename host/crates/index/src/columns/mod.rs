//! Columns: every closed block of entries has one column for each field, cut into bit planes.
//!
//! With a B-tree for each field, each entry would cause writes in as many places as it has fields, and the larger the
//! log, the fewer of these pages are in the cache. A block is written once, when it is full. A filter on a block needs
//! a few word operations for each plane, whatever the operator. The same planes give groups, sums and the existing
//! values. The idea is the bit-sliced index of O'Neil and Quass (*Improved Query Performance with Variant Indexes*,
//! 1997).

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

/// How many blocks become one large block, so that a large log has fewer blocks to scan. Entries after the last block
/// are found by reading rows.
pub(crate) const MERGED: u64 = 16;

/// How a field's values become numbers in a column. 0 always means that the field is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// The number of its text in the dictionary.
    Term,
    /// The number itself, plus one.
    Number,
    /// The microseconds with the sign bit inverted, so that they are ordered as unsigned numbers.
    Time,
    /// A short hash of a text that hardly repeats: it selects candidates, and the row decides whether it matches.
    Hash,
}

/// The kind of a field's column; `None` for a field that is found by the order of the rows or by its own index.
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

    /// The stored number of a column's number. For `Term` and `Hash` it is the same number.
    pub(super) fn stored(self, raw: u64) -> i64 {
        match self {
            Self::Term | Self::Hash => raw.cast_signed(),
            Self::Number => raw.cast_signed() - 1,
            Self::Time => (raw ^ (1 << 63)).cast_signed(),
        }
    }
}
