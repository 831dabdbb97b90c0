//! The entries that usage is about, and how they are found.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::super::blocks::Block;
use super::super::find::Plan;
use super::super::texts::Texts;
use super::measures::{NUMBERS, OfEntries};
use crate::index::Bitmap;
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
    pub(super) fn new(connection: &Connection, texts: &Texts, domain: Domain) -> Result<Self, StoreError> {
        Ok(Self {
            plan: Plan::new(connection, texts, &requests().and(domain))?,
            failed: Plan::new(connection, texts, &failures())?,
        })
    }

    /// The fields that are read to find and measure them.
    pub(super) fn fields(&self) -> BTreeSet<Field> {
        let mut fields = BTreeSet::from(NUMBERS);
        fields.extend([Field::Outcome, Field::OccurredAt]);
        self.plan.fields(&mut fields);
        fields
    }

    /// Those of `within`.
    pub(super) fn find(&self, connection: &Connection, block: &Block, within: Bitmap) -> Result<Bitmap, StoreError> {
        self.plan.find(connection, block, within)
    }

    /// What is measured of those that were found.
    pub(super) fn measures(
        &self,
        connection: &Connection,
        block: &Block,
        found: &Bitmap,
    ) -> Result<OfEntries, StoreError> {
        let failed = self.failed.find(connection, block, found.clone())?;
        OfEntries::new(connection, block, found, failed)
    }
}
