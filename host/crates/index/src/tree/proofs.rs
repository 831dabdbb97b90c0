//! Proofs about the stored log, each at one moment.

use super::leaves;
use super::tiles::Tiles;
use crate::StoreError;
use crate::dictionary::Texts;
use crate::snapshot::Snapshot;
use mcp_audit_log_ledger::{self as ledger, Consistency, Head, Inclusion};

/// The tree of `size` leaves, or the current one. Of the removed entries, only the hashes of whole subtrees are known.
pub(crate) fn head_at(log: &dyn Snapshot, size: Option<u64>) -> Result<Head, StoreError> {
    let present = log.head()?.tree;
    let Some(size) = size else { return Ok(present) };
    let (from, to) = (log.seqs()?.start, present.size);
    if size != 0 && !(from..=to).contains(&size) {
        return Err(StoreError::Unprovable { size, from, to });
    }
    Ok(Head { size, root: ledger::root(size, &Tiles::new(log))? })
}

/// The entry at `seq` with the proof that it is in the tree of `size` leaves, or in the current one; `None` if there is
/// no such entry.
pub(crate) fn inclusion(
    log: &dyn Snapshot,
    texts: &Texts,
    seq: u64,
    size: Option<u64>,
) -> Result<Option<Inclusion>, StoreError> {
    let head = head_at(log, size)?;
    if seq >= head.size {
        return Err(StoreError::Unprovable { size: head.size, from: seq + 1, to: log.head()?.tree.size });
    }
    let mut found = None;
    leaves::each_leaf(log, texts, seq..seq + 1, |leaf, content, _| {
        found = Some((leaf, content));
        Ok(())
    })?;
    let Some((leaf, content)) = found else { return Ok(None) };
    let proof = ledger::inclusion(seq, head.size, &Tiles::new(log))?;
    let inclusion = Inclusion { leaf, content, head, proof };
    let changed = |error| StoreError::unlike(seq, format!("the entry is not the recorded one: {error}"));
    inclusion.verify().map_err(changed)?;
    Ok(Some(inclusion))
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves, or of the current tree.
pub(crate) fn consistency(log: &dyn Snapshot, old: u64, new: Option<u64>) -> Result<Consistency, StoreError> {
    let new = head_at(log, new)?;
    let old = head_at(log, Some(old))?;
    if old.size > new.size {
        return Err(StoreError::Unprovable { size: old.size, from: 0, to: new.size });
    }
    let proof = ledger::consistency(old.size, new.size, &Tiles::new(log))?;
    Ok(Consistency { old, new, proof })
}
