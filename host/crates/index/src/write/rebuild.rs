//! Completes the index: after a start, after an error, and after it was removed.

use crate::columns::{MERGED, OpenBlock, Raw};
use crate::row::{self, RowColumns};
use crate::search::blocks;
use crate::transaction::Transaction;
use crate::{StoreError, usage};
use mcp_audit_log_model::field::Field;

/// Completes the index: adds what is missing, and rebuilds all of it if it is damaged.
pub(crate) fn repair(log: &dyn Transaction, pruned: u64, next: u64) -> Result<(), StoreError> {
    let now = log.snapshot();
    let whole = blocks::check(now, pruned, next);
    if let Some(reason) = whole.err().filter(StoreError::is_index) {
        tracing::error!(%reason, "the index is rebuilt from the entries");
        blocks::clear(log)?;
    }
    let behind = next - blocks::end(now)?.unwrap_or(pruned).clamp(pruned, next);
    if behind > now.block_length() * MERGED {
        tracing::warn!(entries = behind, "building the index of entries that have none; recording starts afterwards");
    }
    rebuild_tail(log, pruned, next)?;
    usage::repair(log, pruned, next)
}

/// Reads the rows after the last closed block, closes full blocks, and returns the open block. `pruned` and `next` are
/// the ends of the log.
pub(crate) fn rebuild_tail(log: &dyn Transaction, pruned: u64, next: u64) -> Result<OpenBlock, StoreError> {
    let (now, small) = (log.snapshot(), log.snapshot().block_length());
    let closed = blocks::end(now)?.unwrap_or(0);
    let mut open = OpenBlock::new(closed.max(pruned / small * small), small);
    let first = open.first();
    now.rows(first..u64::MAX, RowColumns::Fields(Field::ALL), &mut |seq, row| {
        skip(&mut open, seq);
        let mut raw = [0; Field::COUNT];
        for (at, field) in Field::ALL.iter().enumerate() {
            raw[at] = row::raw(*field, row.column(at));
        }
        append(log, &mut open, &raw)?;
        Ok(true)
    })?;
    skip(&mut open, next);
    log.index_ids(open.first())?;
    Ok(open)
}

/// Appends an entry to `open`. When that fills the block, the block is stored and the next one begins.
pub(crate) fn append(log: &dyn Transaction, open: &mut OpenBlock, raw: &Raw) -> Result<(), StoreError> {
    open.push(raw);
    if !open.is_full() {
        return Ok(());
    }
    blocks::close(log, open)?;
    let small = log.snapshot().block_length();
    if open.next().is_multiple_of(small * MERGED) {
        usage::append(log, open.next())?;
    }
    *open = OpenBlock::new(open.next(), small);
    Ok(())
}

/// Skips seqs that the cleanup removed: they count as not set, and no search reads them.
fn skip(open: &mut OpenBlock, upto: u64) {
    while open.next() < upto {
        open.push(&[0; Field::COUNT]);
    }
}
