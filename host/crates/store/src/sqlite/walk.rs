//! A walk over the blocks of the log, the one that is still open among them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use rusqlite::Connection;

use super::blocks::{self, Block};
use super::places::places;
use super::{Doing, rows};
use crate::StoreError;
use crate::index::{Bitmap, Column, SMALL, kind};
use mcp_audit_log_model::field::Field;

const DOING: &str = "scanning the log";

/// The blocks that a question is asked of. The caller holds a transaction, so that all of it is of one moment.
pub(super) struct Walk {
    range: Range<u64>,
    blocks: Vec<Block>,
}

impl Walk {
    /// Over the places in `range` that exist; `fields` are the columns that will be read.
    pub(super) fn new(
        connection: &Connection,
        range: Range<u64>,
        fields: &BTreeSet<Field>,
    ) -> Result<Self, StoreError> {
        let kept = places(connection).doing(DOING)?;
        let range = range.start.max(kept.start)..range.end.min(kept.end);
        let mut blocks = blocks::closed(connection)?;
        if let Some(block) = blocks.last().filter(|block| block.places().end > kept.end) {
            return Err(StoreError::Index { first: block.first, field: Field::Seq.name() });
        }
        let closed = blocks.last().map_or(kept.start / SMALL * SMALL, |block| block.places().end);
        blocks.retain(|block| block.first < range.end && block.places().end > range.start);
        for first in (closed..range.end).step_by(SMALL as usize) {
            blocks.push(open(connection, first, fields)?);
        }
        Ok(Self { range, blocks })
    }

    /// The blocks, oldest first, each with the places that are asked for.
    pub(super) fn blocks(&self) -> impl DoubleEndedIterator<Item = (&Block, Bitmap)> {
        self.blocks.iter().map(|block| (block, block.within(&self.range)))
    }
}

/// A block that is not closed yet, its columns made from its rows.
fn open(connection: &Connection, first: u64, fields: &BTreeSet<Field>) -> Result<Block, StoreError> {
    let mut columns = HashMap::new();
    if !fields.is_empty() {
        let read = read(connection, first, fields)?;
        let column = |(field, raw): (&Field, &Vec<u64>)| Some((*field, Column::encode(kind(*field)?, raw)?));
        columns.extend(fields.iter().zip(&read).filter_map(column));
    }
    Ok(Block::open(first, SMALL, columns))
}

/// The numbers of these fields, place by place; what is not there counts as not set.
fn read(connection: &Connection, first: u64, fields: &BTreeSet<Field>) -> Result<Vec<Vec<u64>>, StoreError> {
    let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
    let sql = format!("SELECT seq, {} FROM entry WHERE seq >= ?1 AND seq < ?1 + ?2", names.join(", "));
    let mut columns = vec![vec![0; SMALL as usize]; fields.len()];
    let mut statement = connection.prepare_cached(&sql).doing(DOING)?;
    let mut found = statement.query([first as i64, SMALL as i64]).doing(DOING)?;
    while let Some(row) = found.next().doing(DOING)? {
        let place = (row.get::<_, u64>(0).doing(DOING)? - first) as usize;
        for (at, (field, column)) in fields.iter().zip(&mut columns).enumerate() {
            column[place] = rows::raw(row, *field, at + 1).doing(DOING)?;
        }
    }
    Ok(columns)
}
