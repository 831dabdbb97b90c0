//! Closed blocks in the database: written once, merged once, read by whoever searches.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, params};

use super::Doing;
use crate::StoreError;
use crate::index::{Bitmap, Column, LARGE, OpenBlock, SMALL, Zone, kind};
use mcp_audit_log_model::field::Field;

/// A run of entries with its columns.
#[derive(Debug)]
pub(super) struct Block {
    /// The place of its first entry.
    pub(super) first: u64,
    /// How many places it has.
    pub(super) length: u64,
    /// The fields that have a column, a bit each. One that has none has no value here.
    fields: u64,
    /// The columns, where they are not stored: of the block that is still open.
    pub(super) open: Option<HashMap<Field, Column>>,
}

impl Block {
    /// The places of the log that it covers.
    pub(super) fn places(&self) -> Range<u64> {
        self.first..self.first + self.length
    }

    /// Those of its places that are in `range` of the log.
    pub(super) fn within(&self, range: &Range<u64>) -> Bitmap {
        let place = |seq: u64| seq.saturating_sub(self.first);
        Bitmap::range(self.length, place(range.start)..place(range.end))
    }

    /// Which values `field` has; `None` when it has none.
    pub(super) fn zone(&self, connection: &Connection, field: Field) -> Result<Option<Zone>, StoreError> {
        if let Some(open) = &self.open {
            return Ok(open.get(&field).map(|column| column.zone.clone()));
        }
        if self.fields & bit(field) == 0 {
            return Ok(None);
        }
        let sql = "SELECT zone FROM chunk WHERE place = ?1";
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        let mut rows = statement.query([place(self.first, field)]).doing(READING)?;
        let row = rows.next().doing(READING)?.ok_or_else(|| self.corrupt(field))?;
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).doing(READING)?;
        checked(bytes).and_then(Zone::from_bytes).map(Some).ok_or_else(|| self.corrupt(field))
    }

    /// Reads the planes of `field`.
    pub(super) fn planes<T>(
        &self,
        connection: &Connection,
        field: Field,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, StoreError> {
        let corrupt = || self.corrupt(field);
        if let Some(open) = &self.open {
            return open.get(&field).and_then(|column| read(&column.planes)).ok_or_else(corrupt);
        }
        let sql = "SELECT planes FROM chunk WHERE place = ?1";
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        let mut rows = statement.query([place(self.first, field)]).doing(READING)?;
        let row = rows.next().doing(READING)?.ok_or_else(corrupt)?;
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).doing(READING)?;
        checked(bytes).and_then(read).ok_or_else(corrupt)
    }

    /// The block from `first` on whose columns are these.
    pub(super) fn open(first: u64, length: u64, columns: HashMap<Field, Column>) -> Self {
        Self { first, length, fields: 0, open: Some(columns) }
    }

    fn corrupt(&self, field: Field) -> StoreError {
        StoreError::Index { first: self.first, field: field.name() }
    }

    /// Whether it may come after a block that ends at `before`.
    fn fits(&self, before: Option<u64>) -> bool {
        let sized = [SMALL, LARGE].contains(&self.length) && self.first.is_multiple_of(self.length);
        sized && before.is_none_or(|before| self.first == before)
    }
}

const READING: &str = "reading the index";
const WRITING: &str = "writing the index";

/// The closed blocks, oldest first, without a hole between them.
pub(super) fn closed(connection: &Connection) -> Result<Vec<Block>, StoreError> {
    let sql = "SELECT first, length, fields FROM block ORDER BY first";
    let mut statement = connection.prepare_cached(sql).doing(READING)?;
    let block = |row: &rusqlite::Row<'_>| {
        let fields = row.get::<_, i64>(2)?.cast_unsigned();
        Ok(Block { first: row.get(0)?, length: row.get(1)?, fields, open: None })
    };
    let blocks: Vec<Block> = statement.query_map([], block).and_then(Iterator::collect).doing(READING)?;
    let mut before = None;
    for block in &blocks {
        if !block.fits(before) {
            return Err(block.corrupt(Field::Seq));
        }
        before = Some(block.places().end);
    }
    Ok(blocks)
}

/// The place after the last closed block.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT first + length FROM block ORDER BY first DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()
}

/// Reads all of the index, and fails where it is not what was written. `pruned` and `next` are the log's ends.
pub(super) fn check(connection: &Connection, pruned: u64, next: u64) -> Result<(), StoreError> {
    let blocks = closed(connection)?;
    if let Some(block) = blocks.iter().find(|block| block.places().end > next) {
        return Err(block.corrupt(Field::Seq));
    }
    if let Some(block) = blocks.first().filter(|block| block.first > pruned) {
        return Err(block.corrupt(Field::Seq));
    }
    let sql = "SELECT count(*) FROM chunk WHERE place >= ?1 AND place < ?2";
    let mut count = connection.prepare_cached(sql).doing(READING)?;
    for block in &blocks {
        let places = [base(block.first), base(block.places().end)];
        let chunks: u32 = count.query_row(places, |row| row.get(0)).doing(READING)?;
        if block.fields.count_ones() != chunks {
            return Err(block.corrupt(Field::Seq));
        }
        for field in Field::ALL.iter().filter(|field| block.fields & bit(**field) != 0) {
            let Some(zone) = block.zone(connection, *field)? else { continue };
            block.planes(connection, *field, |planes| zone.holds(planes, block.length).then_some(()))?;
        }
    }
    Ok(())
}

/// Takes the whole index away.
pub(super) fn clear(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM chunk", [])?;
    connection.execute("DELETE FROM block", []).map(drop)
}

/// Writes a full block, and makes a large one of the small ones when it completes one.
pub(super) fn close(connection: &Connection, block: &OpenBlock) -> Result<(), StoreError> {
    // What somebody left in its place would be taken for columns of this one.
    remove(connection, block.first()).doing(WRITING)?;
    let columns: Vec<_> = block.encode().into_iter().collect();
    write(connection, block.first(), SMALL, columns).doing(WRITING)?;
    let first = block.first() / LARGE * LARGE;
    if block.first() + SMALL == first + LARGE { merge(connection, first) } else { Ok(()) }
}

/// Removes the blocks that lie wholly below `pruned`.
pub(super) fn prune(connection: &Connection, pruned: i64) -> rusqlite::Result<()> {
    let mut ends = connection.prepare_cached("SELECT first, length FROM block ORDER BY first LIMIT 2")?;
    let gone: Vec<(i64, i64)> = ends
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .filter(|block| block.as_ref().map_or(true, |(first, length)| first + length <= pruned))
        .collect::<Result<_, _>>()?;
    gone.into_iter().try_for_each(|(first, _)| remove(connection, first as u64))
}

/// One large block instead of its small ones. Those that the cleanup took already count as unset: nobody looks there.
fn merge(connection: &Connection, first: u64) -> Result<(), StoreError> {
    let small: Vec<_> = closed(connection)?.into_iter().filter(|block| block.first >= first).collect();
    let pruned: u64 = connection.query_row("SELECT pruned FROM head", [], |row| row.get(0)).doing(READING)?;
    // Only the cleanup may have taken what is missing.
    if let Some(block) = small.first().filter(|block| block.first > first.max(pruned)) {
        return Err(block.corrupt(Field::Seq));
    }
    let mut merged = Vec::new();
    for field in Field::ALL {
        let Some(kind) = kind(*field) else { continue };
        let mut raw = vec![0; LARGE as usize];
        for block in &small {
            let Some(zone) = block.zone(connection, *field)? else { continue };
            let column = Column { zone, planes: block.planes(connection, *field, |planes| Some(planes.to_vec()))? };
            let part = column.decode(block.length).ok_or_else(|| block.corrupt(*field))?;
            let from = (block.first - first) as usize;
            raw[from..from + part.len()].copy_from_slice(&part);
        }
        merged.extend(Column::encode(kind, &raw).map(|column| (*field, column)));
    }
    (0..LARGE / SMALL).try_for_each(|at| remove(connection, first + at * SMALL)).doing(WRITING)?;
    write(connection, first, LARGE, merged).doing(WRITING)
}

fn write(connection: &Connection, first: u64, length: u64, columns: Vec<(Field, Column)>) -> rusqlite::Result<()> {
    let fields = columns.iter().fold(0, |fields, (field, _)| fields | bit(*field));
    let mut insert = connection.prepare_cached("INSERT INTO chunk (place, zone, planes) VALUES (?1, ?2, ?3)")?;
    for (field, column) in columns {
        insert.execute(params![place(first, field), sealed(column.zone.to_bytes()), sealed(column.planes)])?;
    }
    let sql = "INSERT INTO block (first, length, fields) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![first, length, fields.cast_signed()]).map(drop)
}

fn remove(connection: &Connection, first: u64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM chunk WHERE place >= ?1 AND place < ?1 + ?2";
    connection.prepare_cached(sql)?.execute(params![base(first), FIELDS])?;
    connection.prepare_cached("DELETE FROM block WHERE first = ?1")?.execute([first]).map(drop)
}

/// The bytes with a checksum behind them, so that damage is seen where they are read.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The bytes before a checksum that is theirs.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    (crc32fast::hash(bytes).to_le_bytes() == *sum).then_some(bytes)
}

fn bit(field: Field) -> u64 {
    1 << field as u64
}

/// Room for the fields of one block in the numbering of chunks.
const FIELDS: i64 = 64;
const _: () = assert!(Field::COUNT <= FIELDS as usize);

fn base(first: u64) -> i64 {
    (first / SMALL) as i64 * FIELDS
}

fn place(first: u64, field: Field) -> i64 {
    base(first) + field as i64
}
