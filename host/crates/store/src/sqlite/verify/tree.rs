//! The ledger's tree: every tile exists and is full, the level above has the hash of each tile, and the remaining
//! hashes at the right edge lead to the root.

use rusqlite::params;

use super::super::SqlContext;
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::check::Tree;
use mcp_audit_log_index::{Snapshot, Tiles};
use mcp_audit_log_ledger::{TILE_HEIGHT, Tile};

const DOING: &str = "checking the ledger";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let size = subject.log.head()?.tree.size;
    Tree::of(&subject.log)?;
    let levels = 0..u64::BITS as u8 / TILE_HEIGHT;
    let mut done = 0;
    for level in levels {
        let kept = Tile::first_kept(level, subject.seqs.start)..Tile::count(level, size);
        for number in kept.clone() {
            tile(subject, Tile { level, number }, size)?;
            done += 1;
        }
        // Below are tiles that should be gone, above those that never were.
        let sql = "SELECT count(*) FROM tile WHERE level = ?1";
        let found: u64 = subject.connection.query_row(sql, [level], |row| row.get(0)).context(DOING)?;
        if found != kept.end.saturating_sub(kept.start) {
            return Err(wrong("tile", None, format!("level {level} has {found} tiles, not {kept:?}")));
        }
    }
    Ok(done)
}

fn tile(subject: &Subject<'_>, tile: Tile, size: u64) -> Result<(), Fault> {
    let sql = "SELECT length(hashes) FROM tile WHERE level = ?1 AND number = ?2";
    let key = params![tile.level, tile.number];
    let Tile { level, number } = tile;
    let missing = || wrong("tile", Some(tile.begin()), format!("tile {number} of level {level} is missing"));
    let mut statement = subject.connection.prepare_cached(sql).context(DOING)?;
    let mut rows = statement.query(key).context(DOING)?;
    let length: usize = rows.next().context(DOING)?.ok_or_else(missing)?.get(0).context(DOING)?;
    if length != tile.width(size) * mcp_audit_log_ledger::Hash::LENGTH {
        return Err(wrong("tile", Some(tile.begin()), format!("tile {number} of level {level} has {length} bytes")));
    }
    subject.report(number, Tile::count(level, size));
    Ok(Tiles::new(&subject.log).check_above(tile)?)
}
