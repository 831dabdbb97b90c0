//! One question about usage, and which cells answer it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cuts::Cut;
use super::runs::Grain;
use super::tally::{By, Detail};
use crate::columns::{Bitmap, Kind, Wanted};
use crate::search::blocks::Block;
use crate::search::plan::Plan;
use crate::snapshot::Snapshot;
use crate::{StoreError, UsageStep};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;

/// What is asked for.
pub(super) struct Question<'q> {
    /// The filter without what it says of the time as a whole.
    pub(super) rest: &'q Domain,
    pub(super) range: &'q Range<i64>,
    pub(super) by: By,
    pub(super) detail: Detail,
    /// Only requests whose field has one of these numbers.
    pub(super) chosen: Option<(Field, Vec<u64>)>,
}

impl Question<'_> {
    /// The cut that answers it, if one does.
    pub(super) fn cut(&self) -> Option<Cut> {
        let mut fields = BTreeSet::new();
        self.rest.fields(&mut fields);
        if let By::Field(field) = self.by {
            fields.insert(field);
        }
        fields.extend(self.chosen.as_ref().map(|(field, _)| *field));
        Cut::of(&fields).filter(|cut| cut.hours || !self.is_hourly())
    }

    /// The cut whose cells know their users by `field`, unless it is about users as well.
    pub(super) fn cut_of_users(&self, field: Field) -> Option<Cut> {
        let mut fields = BTreeSet::from([field]);
        self.rest.fields(&mut fields);
        Cut::of(&fields).filter(|cut| Grain::Day.has_users(*cut))
    }

    /// Whether cells of days are too long for it.
    pub(super) fn is_hourly(&self) -> bool {
        self.by == By::Step(UsageStep::Hour)
    }

    /// Those of `within` that are chosen.
    pub(super) fn narrow(&self, log: &dyn Snapshot, block: &Block, within: Bitmap) -> Result<Bitmap, StoreError> {
        let Some((field, numbers)) = &self.chosen else { return Ok(within) };
        Plan::Column(*field, Wanted::Among(numbers.clone())).find(log, block, within)
    }
}

/// Rows whose time is in one of the ranges. A cell's time is when it begins.
pub(super) fn within(ranges: &[Range<i64>]) -> Plan {
    let one = |range: &Range<i64>| {
        Plan::Column(Field::OccurredAt, Wanted::Within(Kind::Time.raw(range.start)..Kind::Time.raw(range.end)))
    };
    Plan::Any(ranges.iter().map(one).collect())
}
