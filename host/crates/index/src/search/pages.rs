//! Pages of entries: blocks are walked from where the page begins, newest or oldest first, until it is full.

use std::collections::BTreeSet;
use std::ops::Range;

use super::block_scan::BlockScan;
use super::blocks::Block;
use super::plan::Plan;
use super::rows;
use crate::columns::Bitmap;
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::{Page, PageQuery, Place, StoreError};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;

/// The page that `query` asks for.
pub(crate) fn page(log: &dyn Snapshot, texts: &Texts, query: &PageQuery) -> Result<Page, StoreError> {
    let filling = Filling { log, texts, query, plan: Plan::new(log, texts, &query.domain)? };
    let mut fields = BTreeSet::new();
    filling.plan.fields(&mut fields);
    let range = match query.from {
        Place::Newest | Place::Oldest => 0..u64::MAX,
        Place::Before(seq) => 0..seq,
        Place::After(seq) => seq.saturating_add(1)..u64::MAX,
    };
    let walk = BlockScan::new(log, range, &fields)?;
    let mut entries = match query.from {
        Place::Oldest | Place::After(_) => filling.fill(walk.blocks(), |found| found.places().collect())?,
        _ => filling.fill(walk.blocks().rev(), |found| found.places().rev().collect())?,
    };
    let more = entries.len() > query.limit;
    entries.truncate(query.limit);
    if matches!(query.from, Place::Oldest | Place::After(_)) {
        entries.reverse();
    }
    let (newest, oldest) = (entries.first().map(|entry| entry.seq), entries.last().map(|entry| entry.seq));
    Ok(match query.from {
        Place::Newest => Page { previous: None, next: oldest.filter(|_| more), entries },
        Place::Before(_) => Page { previous: newest, next: oldest.filter(|_| more), entries },
        Place::After(_) => Page { previous: newest.filter(|_| more), next: oldest, entries },
        Place::Oldest => Page { previous: newest.filter(|_| more), next: None, entries },
    })
}

/// The entries at `places` that match, oldest first; at most `limit`.
pub(crate) fn stretch(
    log: &dyn Snapshot,
    texts: &Texts,
    domain: &Domain,
    places: Range<u64>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let query = &PageQuery { domain: domain.clone(), from: Place::Oldest, limit };
    let filling = Filling { log, texts, query, plan: Plan::new(log, texts, domain)? };
    let mut fields = BTreeSet::new();
    filling.plan.fields(&mut fields);
    let walk = BlockScan::new(log, places, &fields)?;
    let mut entries = filling.fill(walk.blocks(), |found| found.places().collect())?;
    entries.truncate(limit);
    Ok(entries)
}

/// A page while it is being filled.
struct Filling<'a> {
    log: &'a dyn Snapshot,
    texts: &'a Texts,
    query: &'a PageQuery,
    plan: Plan,
}

impl Filling<'_> {
    /// The entries of the page and one more, if there is one. The index only says where to look: each entry is held
    /// against the domain, and with it the viewer's rule, before it is handed out.
    fn fill<'b>(
        &self,
        blocks: impl Iterator<Item = (&'b Block, Bitmap)>,
        places: impl Fn(&Bitmap) -> Vec<u64>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::with_capacity(self.query.limit.min(500) + 1);
        for (block, within) in blocks {
            let found = self.plan.find(self.log, block, within)?;
            for place in places(&found) {
                let entry = rows::entry(self.log, self.texts, block.first + place)?;
                entries.extend(entry.filter(|entry| self.query.domain.matches(entry)));
                if entries.len() > self.query.limit {
                    return Ok(entries);
                }
            }
        }
        Ok(entries)
    }
}
