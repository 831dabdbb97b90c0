//! A scan of the blocks of the log, including the open one.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::blocks::{self, Block};
use crate::StoreError;
use crate::columns::{Bitmap, BlockColumn, kind};
use crate::row::{RowColumns, raw};
use crate::snapshot::Snapshot;
use mcp_audit_log_model::field::Field;

/// The blocks that a query reads. The caller holds a transaction, so that all of them are of the same moment.
pub(crate) struct BlockScan {
    range: Range<u64>,
    blocks: Vec<Block>,
}

impl BlockScan {
    /// A scan of the existing seqs in `range`. `fields` are the columns that will be read.
    pub(crate) fn new(log: &dyn Snapshot, range: Range<u64>, fields: &BTreeSet<Field>) -> Result<Self, StoreError> {
        let (kept, small) = (log.seqs()?, log.block_length());
        let range = range.start.max(kept.start)..range.end.min(kept.end);
        let mut blocks = blocks::closed(log)?;
        if let Some(block) = blocks.last().filter(|block| block.seqs().end > kept.end) {
            return Err(StoreError::Index { first: block.first, field: Field::Seq.name() });
        }
        let closed = blocks.last().map_or(kept.start / small * small, |block| block.seqs().end);
        blocks.retain(|block| block.first < range.end && block.seqs().end > range.start);
        for first in (closed..range.end).step_by(small as usize) {
            blocks.push(open(log, first, fields)?);
        }
        Ok(Self { range, blocks })
    }

    /// The blocks, oldest first, each with the requested rows.
    pub(crate) fn blocks(&self) -> impl DoubleEndedIterator<Item = (&Block, Bitmap)> {
        self.blocks.iter().map(|block| (block, block.within(&self.range)))
    }
}

/// The open block, with columns made from its rows.
fn open(log: &dyn Snapshot, first: u64, fields: &BTreeSet<Field>) -> Result<Block, StoreError> {
    let mut columns = HashMap::new();
    if !fields.is_empty() {
        let read = read(log, first, fields)?;
        let column = |(field, raw): (&Field, &Vec<u64>)| Some((*field, BlockColumn::encode(kind(*field)?, raw)?));
        columns.extend(fields.iter().zip(&read).filter_map(column));
    }
    Ok(Block::open(first, log.block_length(), columns))
}

/// The numbers of these fields, row by row. A missing row counts as not set.
fn read(log: &dyn Snapshot, first: u64, fields: &BTreeSet<Field>) -> Result<Vec<Vec<u64>>, StoreError> {
    let fields: Vec<_> = fields.iter().copied().collect();
    let length = log.block_length();
    let mut columns = vec![vec![0; length as usize]; fields.len()];
    log.rows(first..first.saturating_add(length), RowColumns::Fields(&fields), &mut |seq, row| {
        for (at, (field, column)) in fields.iter().zip(&mut columns).enumerate() {
            column[(seq - first) as usize] = raw(*field, row.column(at));
        }
        Ok(true)
    })?;
    Ok(columns)
}
