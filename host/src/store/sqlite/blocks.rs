//! Closed blocks in the database: written once, merged once, read by whoever searches.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, params};

use super::Doing;
use crate::field::Field;
use crate::store::StoreError;
use crate::store::index::{Bitmap, Column, LARGE, OpenBlock, SMALL, Zone, kind};

/// A run of entries with its columns.
#[derive(Debug)]
pub(super) struct Block {
    /// The place of its first entry.
    pub(super) first: u64,
    /// How many places it has.
    pub(super) length: u64,
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
        let sql = "SELECT zone FROM chunk WHERE place = ?1";
        let mut statement = connection.prepare_cached(sql).doing(READING)?;
        let mut rows = statement.query([place(self.first, field)]).doing(READING)?;
        let Some(row) = rows.next().doing(READING)? else { return Ok(None) };
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).doing(READING)?;
        Zone::from_bytes(bytes).map(Some).ok_or_else(|| self.corrupt(field))
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
        read(row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).doing(READING)?).ok_or_else(corrupt)
    }

    fn corrupt(&self, field: Field) -> StoreError {
        StoreError::Index { first: self.first, field: field.name() }
    }
}

const READING: &str = "reading the index";
const WRITING: &str = "writing the index";

/// The closed blocks, oldest first.
pub(super) fn closed(connection: &Connection) -> Result<Vec<Block>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT first, length FROM block ORDER BY first").doing(READING)?;
    let block = |row: &rusqlite::Row<'_>| Ok(Block { first: row.get(0)?, length: row.get(1)?, open: None });
    statement.query_map([], block).and_then(Iterator::collect).doing(READING)
}

/// The place after the last closed block.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT first + length FROM block ORDER BY first DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()
}

/// Whether the blocks follow one another from where the log begins, each with a column of a field that every entry has.
pub(super) fn are_whole(connection: &Connection, pruned: u64) -> Result<bool, StoreError> {
    let mut next = None;
    for block in closed(connection)? {
        let follows = next.map_or(block.first <= pruned, |next| next == block.first);
        if !follows || block.zone(connection, Field::Outcome).ok().flatten().is_none() {
            return Ok(false);
        }
        next = Some(block.places().end);
    }
    Ok(true)
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
    for (field, column) in block.encode() {
        write(connection, block.first(), field, &column).doing(WRITING)?;
    }
    write_block(connection, block.first(), SMALL).doing(WRITING)?;
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
        let merged = Column::encode(kind, &raw);
        small.iter().try_for_each(|block| remove_chunk(connection, block.first, *field)).doing(WRITING)?;
        merged.map_or(Ok(()), |column| write(connection, first, *field, &column)).doing(WRITING)?;
    }
    small.iter().try_for_each(|block| remove_block(connection, block.first)).doing(WRITING)?;
    write_block(connection, first, LARGE).doing(WRITING)
}

fn write(connection: &Connection, first: u64, field: Field, column: &Column) -> rusqlite::Result<()> {
    let sql = "INSERT INTO chunk (place, zone, planes) VALUES (?1, ?2, ?3)";
    let row = params![place(first, field), column.zone.to_bytes(), column.planes];
    connection.prepare_cached(sql)?.execute(row).map(drop)
}

fn write_block(connection: &Connection, first: u64, length: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO block (first, length) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![first as i64, length as i64]).map(drop)
}

fn remove_chunk(connection: &Connection, first: u64, field: Field) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM chunk WHERE place = ?1")?.execute([place(first, field)]).map(drop)
}

fn remove(connection: &Connection, first: u64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM chunk WHERE place >= ?1 AND place < ?1 + ?2";
    connection.prepare_cached(sql)?.execute(params![base(first), FIELDS])?;
    remove_block(connection, first)
}

fn remove_block(connection: &Connection, first: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM block WHERE first = ?1")?.execute([first as i64]).map(drop)
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
