//! Leaves from the stored columns, for verification and proofs: the hash covers the values that are shown.

use std::ops::Range;

use super::tiles::Tiles;
use crate::StoreError;
use crate::dictionary::Texts;
use crate::row::{COMMITMENT, ColumnValue, DETAILS, Row, RowColumns, VERSION};
use crate::snapshot::Snapshot;
use mcp_audit_log_ledger::{Content, Hash, Leaf, Node, TILE_WIDTH, Tile};
use mcp_audit_log_model::field::{Field, FieldType};

/// Reads the entries of `range`, and calls `each` with each leaf, its content and its row.
///
/// # Errors
/// An entry cannot be read, the store fails, or `each` does.
pub fn each_leaf(
    log: &dyn Snapshot,
    texts: &Texts,
    range: Range<u64>,
    mut each: impl FnMut(Leaf, Content, &dyn Row) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    log.rows(range, RowColumns::Hashed, &mut |seq, row| {
        let (leaf, content) = leaf(log, texts, seq, row)?;
        each(leaf, content, row)?;
        Ok(true)
    })
}

/// Checks that all entries of `range` exist and hash to their leaves in the ledger.
pub(crate) fn check(log: &dyn Snapshot, texts: &Texts, range: Range<u64>) -> Result<(), StoreError> {
    let tiles = Tiles::new(log);
    let mut next = range.start;
    each_leaf(log, texts, range.clone(), |leaf, _, _| {
        if leaf.seq != next {
            return Err(StoreError::unlike(next, "the entry is missing"));
        }
        next += 1;
        match leaf.hash() == ledger_hash(&tiles, leaf.seq)? {
            true => Ok(()),
            false => Err(StoreError::unlike(leaf.seq, "the entry was changed")),
        }
    })?;
    if next != range.end {
        return Err(StoreError::unlike(next, "the entry is missing"));
    }
    let touched = range.start / TILE_WIDTH..range.end.div_ceil(TILE_WIDTH);
    touched.into_iter().try_for_each(|number| tiles.check_above(Tile { level: 0, number }))
}

/// The leaf hash of the entry at `seq` in the ledger.
///
/// # Errors
/// The ledger has none, or the store fails.
pub fn ledger_hash(tiles: &Tiles<'_>, seq: u64) -> Result<Hash, StoreError> {
    let (tile, part) = Tile::of(Node { level: 0, index: seq });
    let missing = || StoreError::unlike(seq, "the ledger has no such entry");
    tiles.get(tile)?.get(part.start).copied().ok_or_else(missing)
}

fn leaf(log: &dyn Snapshot, texts: &Texts, seq: u64, row: &dyn Row) -> Result<(Leaf, Content), StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt { seq, reason: format!("{what} is out of range") };
    let version = match row.column(VERSION) {
        ColumnValue::Integer(version) => version.try_into().map_err(|_| corrupt("its version"))?,
        _ => return Err(corrupt("its version")),
    };
    let ColumnValue::Integer(recorded_at) = row.column(Field::RecordedAt as usize) else {
        return Err(corrupt("recorded_at"));
    };
    let mut content = Content::default();
    for field in Content::fields() {
        add(&mut content, log, texts, field, row)?.ok_or_else(|| corrupt(field.name()))?;
    }
    let commitment = match row.column(COMMITMENT) {
        ColumnValue::Unset => None,
        ColumnValue::Bytes(bytes) => Some(bytes),
        _ => return Err(corrupt("payload_commitment")),
    };
    let details = match row.column(DETAILS) {
        ColumnValue::Unset => None,
        ColumnValue::Text(details) => Some(details),
        _ => return Err(corrupt("details")),
    };
    content.end(commitment, details);
    Ok((Leaf { version, seq, recorded_at, content: content.hash() }, content))
}

/// Adds a column's value. `None` if its type is impossible in this column.
fn add(
    content: &mut Content,
    log: &dyn Snapshot,
    texts: &Texts,
    field: Field,
    row: &dyn Row,
) -> Result<Option<()>, StoreError> {
    match (field.kind(), row.column(field as usize)) {
        (_, ColumnValue::Unset) => {}
        (FieldType::Integer | FieldType::Time, ColumnValue::Integer(number)) => content.integer(field, number),
        (FieldType::Id, ColumnValue::Bytes(id)) => content.id(field, id),
        (FieldType::Text, ColumnValue::Integer(number)) if field.repeats() => {
            content.text(field, &texts.get(log, field, number.cast_unsigned())?);
        }
        (FieldType::Text, ColumnValue::Text(text)) if !field.repeats() => content.text(field, text),
        _ => return Ok(None),
    }
    Ok(Some(()))
}
