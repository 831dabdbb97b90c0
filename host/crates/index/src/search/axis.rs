//! The values by which a block's entries are grouped, as small codes.

use super::blocks::Block;
use crate::columns::{ColumnKind, PlanesBuf, Zone};
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::step::Steps;
use crate::{GroupBy, StoreError, UsageStep};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;

/// One level of grouping over one block.
pub(crate) enum Axis {
    /// All entries in one group: there is no such level, or the field has no value in this block.
    One,
    /// The codes of a column.
    Column(Zone, PlanesBuf),
    /// Steps of time, counted from the first step of the block.
    Steps { zone: Zone, planes: PlanesBuf, steps: Steps, first: u64, count: usize },
}

impl Axis {
    /// The column that a grouping reads.
    pub(crate) fn field(by: GroupBy) -> Field {
        match by {
            GroupBy::Field(field) => field,
            GroupBy::Day => Field::OccurredAt,
        }
    }

    /// The codes of the level `by` in `block`.
    pub(crate) fn new(
        log: &dyn Snapshot,
        block: &Block,
        by: Option<GroupBy>,
        zone: TimeZone,
    ) -> Result<Self, StoreError> {
        let Some(by) = by else { return Ok(Self::One) };
        let axis = Self::numbers(log, block, Self::field(by))?;
        Ok(if by == GroupBy::Day { axis.by_step(Steps { step: UsageStep::Day, zone }) } else { axis })
    }

    /// A column of times, grouped by steps of time.
    pub(crate) fn by_step(self, steps: Steps) -> Self {
        let Self::Column(zone, planes) = self else { return self };
        let (first, last) = zone.ends();
        let (first, last) = (number(steps, first), number(steps, last));
        Self::Steps { zone, planes, steps, first, count: (last - first + 1) as usize }
    }

    /// The unchanged column of `field` in `block`.
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
            Self::Steps { count, .. } => *count,
        }
    }

    /// The codes of the 64 entries of a word. Each is below the size, even if the column was forged.
    pub(crate) fn codes(&self, word: usize) -> [u64; 64] {
        let greatest = self.size().saturating_sub(1) as u64;
        match self {
            Self::One => [0; 64],
            Self::Column(_, planes) => planes.codes(word).map(|code| code.min(greatest)),
            Self::Steps { zone, planes, steps, first, .. } => {
                // Nearly every entry is in the step of the one before it.
                let (mut within, mut of_step) = (0..0, 0);
                planes.codes(word).map(|code| {
                    let raw = zone.raw(code);
                    if !within.contains(&raw) {
                        let number = number(*steps, raw);
                        within = ColumnKind::Time.raw(steps.start(number))
                            ..ColumnKind::Time.raw(steps.start(number.saturating_add(1)));
                        of_step = number.saturating_sub(*first).min(greatest);
                    }
                    of_step
                })
            }
        }
    }

    /// The values of the codes of the 64 entries of a word.
    pub(crate) fn raws(&self, word: usize) -> [u64; 64] {
        match self {
            // It accepts any code.
            Self::Column(zone, planes) => zone.raws(planes.codes(word)),
            Self::One | Self::Steps { .. } => self.codes(word).map(|code| self.raw(code)),
        }
    }

    /// The value of a code: the column's number, or the start of the step.
    pub(crate) fn raw(&self, code: u64) -> u64 {
        match self {
            Self::One => 0,
            Self::Column(zone, _) => zone.raw(code),
            Self::Steps { first, .. } => first + code,
        }
    }

    /// The value of a number as it is shown.
    pub(crate) fn value(log: &dyn Snapshot, texts: &Texts, by: GroupBy, raw: u64) -> Result<Value, StoreError> {
        Ok(match by {
            // A day's number, whatever its zone.
            GroupBy::Day => {
                let start = Timestamp::from_micros(Steps::utc(UsageStep::Day).start(raw));
                Value::Text(TimeZone::UTC.format(start, "%Y-%m-%d"))
            }
            GroupBy::Field(_) if raw == 0 => Value::Unset,
            GroupBy::Field(field) if field.repeats() => Value::Text(texts.get(log, field, raw)?.to_string()),
            GroupBy::Field(_) => Value::Integer(raw as i64 - 1),
        })
    }
}

/// The number of the step of time that contains a moment of the column.
fn number(steps: Steps, raw: u64) -> u64 {
    steps.number(ColumnKind::Time.stored(raw))
}
