//! Pages of entries: blocks are scanned from the page's beginning, newest or oldest first, until the page is full.

use std::collections::BTreeSet;
use std::ops::Range;

use super::block_scan::BlockScan;
use super::blocks::Block;
use super::plan::Plan;
use super::rows;
use crate::columns::Bitmap;
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use crate::{Page, PageAnchor, PageQuery, StoreError};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;

/// Reads the page for `query`.
pub(crate) fn page(log: &dyn Snapshot, texts: &Texts, query: &PageQuery) -> Result<Page, StoreError> {
    let builder = PageBuilder { log, texts, query, plan: Plan::new(log, texts, &query.domain)? };
    let mut fields = BTreeSet::new();
    builder.plan.fields(&mut fields);
    let range = match query.from {
        PageAnchor::Newest | PageAnchor::Oldest => 0..u64::MAX,
        PageAnchor::Before(seq) => 0..seq,
        PageAnchor::After(seq) => seq.saturating_add(1)..u64::MAX,
    };
    let scan = BlockScan::new(log, range, &fields)?;
    let mut entries = match query.from {
        PageAnchor::Oldest | PageAnchor::After(_) => builder.fill(scan.blocks(), |found| found.rows().collect())?,
        _ => builder.fill(scan.blocks().rev(), |found| found.rows().rev().collect())?,
    };
    let more = entries.len() > query.limit;
    entries.truncate(query.limit);
    if matches!(query.from, PageAnchor::Oldest | PageAnchor::After(_)) {
        entries.reverse();
    }
    let (newest, oldest) = (entries.first().map(|entry| entry.seq), entries.last().map(|entry| entry.seq));
    Ok(match query.from {
        PageAnchor::Newest => Page { previous: None, next: oldest.filter(|_| more), entries },
        PageAnchor::Before(_) => Page { previous: newest, next: oldest.filter(|_| more), entries },
        PageAnchor::After(_) => Page { previous: newest.filter(|_| more), next: oldest, entries },
        PageAnchor::Oldest => Page { previous: newest.filter(|_| more), next: None, entries },
    })
}

/// The entries at `seqs` that match, oldest first; at most `limit`.
pub(crate) fn entries_in(
    log: &dyn Snapshot,
    texts: &Texts,
    domain: &Domain,
    seqs: Range<u64>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let query = &PageQuery { domain: domain.clone(), from: PageAnchor::Oldest, limit };
    let builder = PageBuilder { log, texts, query, plan: Plan::new(log, texts, domain)? };
    let mut fields = BTreeSet::new();
    builder.plan.fields(&mut fields);
    let scan = BlockScan::new(log, seqs, &fields)?;
    let mut entries = builder.fill(scan.blocks(), |found| found.rows().collect())?;
    entries.truncate(limit);
    Ok(entries)
}

/// A page while it is being filled.
struct PageBuilder<'a> {
    log: &'a dyn Snapshot,
    texts: &'a Texts,
    query: &'a PageQuery,
    plan: Plan,
}

impl PageBuilder<'_> {
    /// The entries of the page and one more, if there is one. The index only selects candidates: each entry is compared
    /// with the domain, which includes the viewer's rule, before it is returned.
    fn fill<'b>(
        &self,
        blocks: impl Iterator<Item = (&'b Block, Bitmap)>,
        rows_of: impl Fn(&Bitmap) -> Vec<u64>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::with_capacity(self.query.limit.min(500) + 1);
        for (block, within) in blocks {
            let found = self.plan.find(self.log, block, within)?;
            for row in rows_of(&found) {
                let entry = rows::entry(self.log, self.texts, block.first + row)?;
                entries.extend(entry.filter(|entry| self.query.domain.matches(entry)));
                if entries.len() > self.query.limit {
                    return Ok(entries);
                }
            }
        }
        Ok(entries)
    }
}
