//! Leaves made again from the stored columns, for whoever checks or proves: what is shown is what is hashed.

use std::ops::Range;
use std::sync::LazyLock;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::texts::Texts;
use super::tiles::{Tiles, unlike};
use super::{Doing, connection};
use crate::StoreError;
use mcp_audit_log_ledger::{Content, Hash, Leaf, Node, TILE_WIDTH, Tile};
use mcp_audit_log_model::field::{Field, FieldType};

/// The entries of a range with everything that is hashed, oldest first.
static SELECT: LazyLock<String> = LazyLock::new(|| {
    let fields: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
    let list = fields.join(", ");
    format!("SELECT {list}, payload_commitment, details, version FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")
});
const COMMITMENT: usize = Field::COUNT;
const DETAILS: usize = Field::COUNT + 1;
const VERSION: usize = Field::COUNT + 2;

/// Reads the entries of `range`, and hands each leaf to `each`, with its content and the row that it is made of.
pub(super) fn each(
    connection: &Connection,
    texts: &Texts,
    range: Range<u64>,
    mut each: impl FnMut(Leaf, Content, &Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let doing = "reading entries for the ledger";
    let mut statement = connection.prepare_cached(&SELECT).doing(doing)?;
    let end = range.end.min(connection::PLACES as u64);
    let mut rows = statement.query([range.start as i64, end as i64]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let seq: u64 = row.get(Field::Seq as usize).doing(doing)?;
        let (leaf, content) = leaf(connection, texts, seq, row)?;
        each(leaf, content, row)?;
    }
    Ok(())
}

/// Whether the entries of `range` are all there and hash to what the ledger has.
pub(super) fn check(connection: &Connection, texts: &Texts, range: Range<u64>) -> Result<(), StoreError> {
    let tiles = Tiles::new(connection);
    let mut next = range.start;
    each(connection, texts, range.clone(), |leaf, _, _| {
        if leaf.seq != next {
            return Err(unlike(next, "the entry is missing"));
        }
        next += 1;
        if leaf.hash() == sealed(&tiles, leaf.seq)? { Ok(()) } else { Err(unlike(leaf.seq, "the entry was changed")) }
    })?;
    if next != range.end {
        return Err(unlike(next, "the entry is missing"));
    }
    let touched = range.start / TILE_WIDTH..range.end.div_ceil(TILE_WIDTH);
    touched.into_iter().try_for_each(|number| tiles.check_above(Tile { level: 0, number }))
}

/// The hash that the ledger has of the entry at a place.
pub(super) fn sealed(tiles: &Tiles<'_>, seq: u64) -> Result<Hash, StoreError> {
    let (tile, part) = Tile::of(Node { level: 0, index: seq });
    tiles.get(tile)?.get(part.start).copied().ok_or_else(|| unlike(seq, "the ledger has no such entry"))
}

fn leaf(connection: &Connection, texts: &Texts, seq: u64, row: &Row<'_>) -> Result<(Leaf, Content), StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt { seq, reason: format!("{what} is out of range") };
    let version = row.get(VERSION).map_err(|_| corrupt("its version"))?;
    let recorded_at = row.get(Field::RecordedAt as usize).map_err(|_| corrupt("recorded_at"))?;
    let mut content = Content::default();
    for field in Content::fields() {
        add(&mut content, connection, texts, field, row)?.ok_or_else(|| corrupt(field.name()))?;
    }
    let commitment = row.get_ref(COMMITMENT).doing("reading entries for the ledger")?;
    let commitment = commitment.as_blob_or_null().map_err(|_| corrupt("payload_commitment"))?;
    let details = row.get_ref(DETAILS).doing("reading entries for the ledger")?;
    content.end(commitment, details.as_str_or_null().map_err(|_| corrupt("details"))?);
    Ok((Leaf { version, seq, recorded_at, content: content.hash() }, content))
}

/// Adds a column's value. `None`: it is of a kind that the column cannot have.
fn add(
    content: &mut Content,
    connection: &Connection,
    texts: &Texts,
    field: Field,
    row: &Row<'_>,
) -> Result<Option<()>, StoreError> {
    let value = row.get_ref(field as usize).doing("reading entries for the ledger")?;
    match (field.kind(), value) {
        (_, ValueRef::Null) => {}
        (FieldType::Integer | FieldType::Time, ValueRef::Integer(number)) => content.integer(field, number),
        (FieldType::Id, ValueRef::Blob(id)) => content.id(field, id),
        (FieldType::Text, ValueRef::Integer(number)) if field.repeats() => {
            content.text(field, &texts.get(connection, field, number.cast_unsigned())?);
        }
        (FieldType::Text, ValueRef::Text(text)) if !field.repeats() => {
            let Ok(text) = std::str::from_utf8(text) else { return Ok(None) };
            content.text(field, text);
        }
        _ => return Ok(None),
    }
    Ok(Some(()))
}
