//! The entries that usage is about, and how they are found.

use std::collections::BTreeSet;

use super::measures::{NUMBERS, OfEntries};
use crate::columns::Bitmap;
use crate::dictionary::Texts;
use crate::search::blocks::Block;
use crate::search::plan::Plan;
use crate::snapshot::Snapshot;
use crate::{StoreError, failures, requests};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;

/// Plans for requests and for those of them that failed.
pub(super) struct Requests {
    plan: Plan,
    failed: Plan,
}

impl Requests {
    /// The requests that match `domain`.
    pub(super) fn new(log: &dyn Snapshot, texts: &Texts, domain: Domain) -> Result<Self, StoreError> {
        Ok(Self { plan: Plan::new(log, texts, &requests().and(domain))?, failed: Plan::new(log, texts, &failures())? })
    }

    /// The fields that are read to find and measure them.
    pub(super) fn fields(&self) -> BTreeSet<Field> {
        let mut fields = BTreeSet::from(NUMBERS);
        fields.extend([Field::Outcome, Field::OccurredAt]);
        self.plan.fields(&mut fields);
        fields
    }

    /// Those of `within`.
    pub(super) fn find(&self, log: &dyn Snapshot, block: &Block, within: Bitmap) -> Result<Bitmap, StoreError> {
        self.plan.find(log, block, within)
    }

    /// What is measured of those that were found.
    pub(super) fn measures(&self, log: &dyn Snapshot, block: &Block, found: &Bitmap) -> Result<OfEntries, StoreError> {
        let failed = self.failed.find(log, block, found.clone())?;
        OfEntries::new(log, block, found, failed)
    }
}
