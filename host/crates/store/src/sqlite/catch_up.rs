//! The index brought up to where the log is: after a start, after an error, and where somebody took it away.

use rusqlite::Connection;

use super::{Doing, blocks, rows, usage};
use crate::StoreError;
use crate::index::{LARGE, OpenBlock, SMALL};
use mcp_audit_log_model::field::Field;

const DOING: &str = "reading the newest entries for the index";

/// Makes the index whole: what is missing of it, and all of it where it is damaged.
pub(super) fn mend(connection: &mut Connection, pruned: u64, next: u64) -> Result<(), StoreError> {
    let transaction = connection.transaction().doing(DOING)?;
    let whole = blocks::check(&transaction, pruned, next);
    if let Some(reason) = whole.err().filter(StoreError::is_index) {
        tracing::error!(%reason, "the index is rebuilt from the entries");
        blocks::clear(&transaction).doing(DOING)?;
    }
    let behind = next - blocks::end(&transaction).doing(DOING)?.unwrap_or(pruned).clamp(pruned, next);
    if behind > LARGE {
        tracing::warn!(entries = behind, "building the index of entries that have none; recording starts afterwards");
    }
    catch_up(&transaction, pruned, next)?;
    usage::mend(&transaction, pruned, next)?;
    transaction.commit().doing(DOING)
}

/// Reads the rows after the last closed block, closes what is full, and returns the block that is open. `pruned` and
/// `next` are the log's ends.
pub(super) fn catch_up(connection: &Connection, pruned: u64, next: u64) -> Result<OpenBlock, StoreError> {
    let closed = blocks::end(connection).doing(DOING)?.unwrap_or(0);
    let mut open = OpenBlock::new(closed.max(pruned / SMALL * SMALL));
    let names: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
    let sql = format!("SELECT {} FROM entry WHERE seq >= ?1 ORDER BY seq", names.join(", "));
    let mut statement = connection.prepare(&sql).doing(DOING)?;
    let mut found = statement.query([open.first() as i64]).doing(DOING)?;
    while let Some(row) = found.next().doing(DOING)? {
        skip(&mut open, row.get(Field::Seq as usize).doing(DOING)?);
        let mut raw = [0; Field::COUNT];
        for field in Field::ALL {
            raw[*field as usize] = rows::raw(row, *field, *field as usize).doing(DOING)?;
        }
        open = pushed(connection, open, &raw)?;
    }
    skip(&mut open, next);
    Ok(open)
}

/// `open` with one more entry; when that fills it, it is stored and the next block is begun.
pub(super) fn pushed(
    connection: &Connection,
    mut open: OpenBlock,
    raw: &[u64; Field::COUNT],
) -> Result<OpenBlock, StoreError> {
    open.push(raw);
    if !open.is_full() {
        return Ok(open);
    }
    blocks::close(connection, &open)?;
    if open.next().is_multiple_of(LARGE) {
        usage::keep_up(connection, open.next())?;
    }
    Ok(OpenBlock::new(open.next()))
}

/// Places that the cleanup took already: they count as not set, and nobody looks there.
fn skip(open: &mut OpenBlock, upto: u64) {
    while open.next() < upto {
        open.push(&[0; Field::COUNT]);
    }
}
