//! Closed blocks in the store: each is written once, merged once, and read by searches.

use std::collections::HashMap;
use std::ops::Range;

use crate::StoreError;
use crate::columns::{Bitmap, BlockColumn, MERGED, OpenBlock, Zone, kind};
use crate::snapshot::{Blob, Snapshot, StoredBlock, read_blob};
use crate::transaction::{NewColumn, Removable, Transaction};
use mcp_audit_log_model::field::Field;

/// A range of entries with its columns.
#[derive(Debug)]
pub struct Block {
    /// The `seq` of its first entry.
    pub first: u64,
    /// The number of its rows.
    pub length: u64,
    /// The fields that have a column, one bit each. A field without a column has no value in this block.
    fields: u64,
    /// The columns that are not stored, for the open block.
    pub(crate) open: Option<HashMap<Field, BlockColumn>>,
}

impl Block {
    /// The seqs that it covers.
    pub fn seqs(&self) -> Range<u64> {
        self.first..self.first + self.length
    }

    /// Its rows whose seqs are in `range`.
    pub(crate) fn within(&self, range: &Range<u64>) -> Bitmap {
        let row = |seq: u64| seq.saturating_sub(self.first);
        Bitmap::range(self.length, row(range.start)..row(range.end))
    }

    /// The values of `field` in this block; `None` if it has none.
    ///
    /// # Errors
    /// The column is damaged, or the store fails.
    pub fn zone(&self, log: &dyn Snapshot, field: Field) -> Result<Option<Zone>, StoreError> {
        if let Some(open) = &self.open {
            return Ok(open.get(&field).map(|column| column.zone.clone()));
        }
        if self.fields & bit(field) == 0 {
            return Ok(None);
        }
        let zone = read_blob(log, Blob::Zone { first: self.first, field }, |bytes| Zone::from_bytes(checked(bytes)?))?;
        zone.flatten().map(Some).ok_or_else(|| self.corrupt(field))
    }

    /// Reads the planes of `field`.
    ///
    /// # Errors
    /// The column is damaged, or the store fails.
    pub fn planes<T>(
        &self,
        log: &dyn Snapshot,
        field: Field,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, StoreError> {
        let corrupt = || self.corrupt(field);
        if let Some(open) = &self.open {
            return open.get(&field).and_then(|column| read(&column.planes)).ok_or_else(corrupt);
        }
        let found = read_blob(log, Blob::Planes { first: self.first, field }, |bytes| read(checked(bytes)?))?;
        found.flatten().ok_or_else(corrupt)
    }

    /// The block that begins at `first` and has these columns.
    pub(crate) fn open(first: u64, length: u64, columns: HashMap<Field, BlockColumn>) -> Self {
        Self { first, length, fields: 0, open: Some(columns) }
    }

    fn corrupt(&self, field: Field) -> StoreError {
        StoreError::Index { first: self.first, field: field.name() }
    }

    /// Whether this block may follow a block that ends at `before`. `small` is the length of a block when it is closed.
    fn fits(&self, before: Option<u64>, small: u64) -> bool {
        let sized = [small, small * MERGED].contains(&self.length) && self.first.is_multiple_of(self.length);
        sized && before.is_none_or(|before| self.first == before)
    }
}

/// The closed blocks, oldest first, without a hole between them.
///
/// # Errors
/// The index is damaged, or the store fails.
pub fn closed(log: &dyn Snapshot) -> Result<Vec<Block>, StoreError> {
    let block = |StoredBlock { first, length, fields }| Block { first, length, fields, open: None };
    let blocks: Vec<Block> = log.blocks()?.into_iter().map(block).collect();
    let mut before = None;
    for block in &blocks {
        if !block.fits(before, log.block_length()) {
            return Err(block.corrupt(Field::Seq));
        }
        before = Some(block.seqs().end);
    }
    Ok(blocks)
}

/// The seq after the last closed block.
///
/// # Errors
/// The store fails.
pub fn end(log: &dyn Snapshot) -> Result<Option<u64>, StoreError> {
    Ok(log.blocks()?.last().map(|block| block.first.saturating_add(block.length)))
}

/// Reads the whole index, and fails if any part is damaged. `pruned` and `next` are the ends of the log.
///
/// # Errors
/// The index is damaged, or the store fails.
pub fn check(log: &dyn Snapshot, pruned: u64, next: u64) -> Result<(), StoreError> {
    let blocks = closed(log)?;
    if let Some(block) = blocks.iter().find(|block| block.seqs().end > next) {
        return Err(block.corrupt(Field::Seq));
    }
    if let Some(block) = blocks.first().filter(|block| block.first > pruned) {
        return Err(block.corrupt(Field::Seq));
    }
    for block in &blocks {
        if u64::from(block.fields.count_ones()) != log.columns(block.seqs())? {
            return Err(block.corrupt(Field::Seq));
        }
        log.check_ids(block.seqs())?;
        for field in Field::ALL.iter().filter(|field| block.fields & bit(**field) != 0) {
            let Some(zone) = block.zone(log, *field)? else { continue };
            block.planes(log, *field, |planes| zone.holds(planes, block.length).then_some(()))?;
        }
    }
    Ok(())
}

/// Removes the whole index.
pub(crate) fn clear(log: &dyn Transaction) -> Result<(), StoreError> {
    log.remove(Removable::Blocks(0..u64::MAX)).map(drop)
}

/// Stores a full block. If it completes a group of small blocks, they are merged into a large one.
pub(crate) fn close(log: &dyn Transaction, block: &OpenBlock) -> Result<(), StoreError> {
    let small = log.snapshot().block_length();
    // Foreign rows under its seq would be taken for columns of this one.
    log.remove(Removable::Blocks(block.first()..block.first() + 1))?;
    write(log, block.first(), small, block.encode())?;
    let large = small * MERGED;
    let first = block.first() / large * large;
    if block.first() + small == first + large { merge(log, first) } else { Ok(()) }
}

/// Removes the blocks that lie wholly below `pruned`: at most two in one step of the cleanup.
pub(crate) fn prune(log: &dyn Transaction, pruned: u64) -> Result<(), StoreError> {
    let blocks = log.snapshot().blocks()?;
    let gone = blocks.iter().take(2).filter(|block| block.first.saturating_add(block.length) <= pruned);
    gone.into_iter().try_for_each(|block| log.remove(Removable::Blocks(block.first..block.first + 1)).map(drop))
}

/// Replaces small blocks by one large block. Entries that the cleanup removed count as not set: no search reads them.
fn merge(transaction: &dyn Transaction, first: u64) -> Result<(), StoreError> {
    let log = transaction.snapshot();
    let large = log.block_length() * MERGED;
    let small: Vec<_> = closed(log)?.into_iter().filter(|block| block.first >= first).collect();
    // Only the cleanup may have taken what is missing.
    let pruned = log.head()?.pruned;
    if let Some(block) = small.first().filter(|block| block.first > first.max(pruned)) {
        return Err(block.corrupt(Field::Seq));
    }
    let mut merged = Vec::new();
    for field in Field::ALL {
        let Some(kind) = kind(*field) else { continue };
        let mut raw = vec![0; large as usize];
        for block in &small {
            let Some(zone) = block.zone(log, *field)? else { continue };
            let column = BlockColumn { zone, planes: block.planes(log, *field, |planes| Some(planes.to_vec()))? };
            let part = column.decode(block.length).ok_or_else(|| block.corrupt(*field))?;
            let from = (block.first - first) as usize;
            raw[from..from + part.len()].copy_from_slice(&part);
        }
        merged.extend(BlockColumn::encode(kind, &raw).map(|column| (*field, column)));
    }
    transaction.remove(Removable::Blocks(first..first + large))?;
    write(transaction, first, large, merged)
}

fn write(log: &dyn Transaction, first: u64, length: u64, columns: Vec<(Field, BlockColumn)>) -> Result<(), StoreError> {
    let fields = columns.iter().fold(0, |fields, (field, _)| fields | bit(*field));
    let new = |(field, column): (Field, BlockColumn)| NewColumn {
        field,
        zone: sealed(column.zone.to_bytes()),
        planes: sealed(column.planes),
    };
    let columns: Vec<_> = columns.into_iter().map(new).collect();
    log.append_block(StoredBlock { first, length, fields }, &columns)
}

/// The bytes with a checksum appended, so that a reader detects damage.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The bytes before the checksum, if the checksum is right.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    (crc32fast::hash(bytes).to_le_bytes() == *sum).then_some(bytes)
}

fn bit(field: Field) -> u64 {
    1 << field as u64
}
