//! What a block's entries are grouped by, as small codes.

use super::blocks::Block;
use crate::columns::{Kind, PlanesBuf, Zone};
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::{GroupBy, StoreError};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_model::value::Value;

/// One level of grouping over one block.
pub(crate) enum Axis {
    /// Everything in one group: no level, or a field without values here.
    One,
    /// The codes of a column.
    Column(Zone, PlanesBuf),
    /// Days, counted from the block's first.
    Days { zone: Zone, planes: PlanesBuf, first: u64, count: usize },
}

impl Axis {
    /// The column that a grouping reads.
    pub(crate) fn field(by: GroupBy) -> Field {
        match by {
            GroupBy::Field(field) => field,
            GroupBy::Day => Field::OccurredAt,
        }
    }

    /// The level `by` over `block`.
    pub(crate) fn new(log: &dyn Snapshot, block: &Block, by: Option<GroupBy>) -> Result<Self, StoreError> {
        let Some(by) = by else { return Ok(Self::One) };
        let axis = Self::numbers(log, block, Self::field(by))?;
        Ok(match (by, axis) {
            (GroupBy::Day, Self::Column(zone, planes)) => {
                let (first, last) = zone.ends();
                let (first, last) = (day(first), day(last));
                Self::Days { zone, planes, first, count: (last - first + 1) as usize }
            }
            (_, axis) => axis,
        })
    }

    /// The column of `field` over `block` as it is.
    pub(crate) fn numbers(log: &dyn Snapshot, block: &Block, field: Field) -> Result<Self, StoreError> {
        let Some(zone) = block.zone(log, field)? else { return Ok(Self::One) };
        let planes = block.planes(log, field, |bytes| PlanesBuf::new(bytes, zone.bits(), block.length))?;
        Ok(Self::Column(zone, planes))
    }

    /// How many codes there are.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::One => 1,
            Self::Column(zone, _) => usize::try_from(zone.size()).unwrap_or(usize::MAX),
            Self::Days { count, .. } => *count,
        }
    }

    /// The codes of the 64 entries of a word: each below the size, whatever a forged column says.
    pub(crate) fn codes(&self, word: usize) -> [u64; 64] {
        let greatest = self.size().saturating_sub(1) as u64;
        self.claims(word).map(|code| code.min(greatest))
    }

    /// The same as it stands there: in a forged column, codes may be beyond the size.
    pub(crate) fn claims(&self, word: usize) -> [u64; 64] {
        match self {
            Self::One => [0; 64],
            Self::Column(_, planes) => planes.codes(word),
            Self::Days { zone, planes, first, .. } => {
                planes.codes(word).map(|code| day(zone.raw(code)).saturating_sub(*first))
            }
        }
    }

    /// What the codes of the 64 entries of a word stand for.
    pub(crate) fn raws(&self, word: usize) -> [u64; 64] {
        let codes = self.claims(word);
        match self {
            Self::Column(zone, _) => zone.raws(codes),
            Self::One | Self::Days { .. } => codes.map(|code| self.raw(code)),
        }
    }

    /// What a code stands for: the column's number, or the day's.
    pub(crate) fn raw(&self, code: u64) -> u64 {
        match self {
            Self::One => 0,
            Self::Column(zone, _) => zone.raw(code),
            Self::Days { first, .. } => first + code,
        }
    }

    /// What is shown for it.
    pub(crate) fn value(log: &dyn Snapshot, texts: &Texts, by: GroupBy, raw: u64) -> Result<Value, StoreError> {
        Ok(match by {
            GroupBy::Day => {
                let start = Timestamp::from_micros((raw as i64 - DAYS_BEFORE).saturating_mul(DAY));
                Value::Text(start.to_string().chars().take(10).collect())
            }
            GroupBy::Field(_) if raw == 0 => Value::Unset,
            GroupBy::Field(field) if field.repeats() => Value::Text(texts.get(log, field, raw)?.to_string()),
            GroupBy::Field(_) => Value::Integer(raw as i64 - 1),
        })
    }
}

/// Days before 1970 that the numbering leaves room for: all that microseconds in 64 bits can say.
const DAYS_BEFORE: i64 = 106_751_992;

/// The number of the day in UTC of a column's moment.
fn day(raw: u64) -> u64 {
    (Kind::Time.stored(raw).div_euclid(DAY) + DAYS_BEFORE).unsigned_abs()
}
