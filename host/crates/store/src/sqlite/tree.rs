//! The ledger's tree as the writer holds it: the tiles that are not full yet, and the frontier, which are made of them.

use rusqlite::{Connection, params};

use super::Doing;
use super::tiles::{Tiles, unlike};
use crate::StoreError;
use mcp_audit_log_ledger::{Frontier, Hash, Head, TILE_HEIGHT, TILE_WIDTH, Tile};

const FULL: usize = TILE_WIDTH as usize * Hash::LENGTH;

/// The right edge of the tree, up to which everything is stored but for what was pushed since.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    frontier: Frontier,
    open: Vec<Open>,
}

/// The last tile of a level.
#[derive(Clone, Debug)]
struct Open {
    tile: Tile,
    hashes: Vec<u8>,
    /// Whether there is a row for it, with fewer hashes.
    is_there: bool,
    changed: bool,
}

/// Size and root, as the head has them.
pub(super) fn head(connection: &Connection) -> Result<Head, StoreError> {
    let row = |row: &rusqlite::Row<'_>| Ok(Head { size: row.get(0)?, root: Hash(row.get(1)?) });
    let mut statement = connection.prepare_cached("SELECT size, root FROM head").doing("reading the ledger")?;
    statement.query_row([], row).doing("reading the ledger")
}

impl Tree {
    /// What the log of `connection` has, if its tiles make the head's root.
    pub(super) fn of(connection: &Connection) -> Result<Self, StoreError> {
        let Head { size, root } = head(connection)?;
        let tiles = Tiles::new(connection);
        let open = Tile::open(size).map(|tile| Open::of(&tiles, tile, size)).collect::<Result<_, _>>()?;
        let frontier = Frontier::of(size, &tiles)?;
        if frontier.root() != root {
            return Err(unlike(size, "its tiles do not match the root in its head"));
        }
        Ok(Self { frontier, open })
    }

    /// How many leaves it has.
    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Adds a leaf. A tile that it fills is stored.
    pub(super) fn push(&mut self, connection: &Connection, leaf: Hash) -> rusqlite::Result<()> {
        let Self { frontier, open } = self;
        let mut full = Vec::new();
        frontier.push(leaf, |node, hash| {
            if node.level.is_multiple_of(TILE_HEIGHT) {
                full.extend(add(open, Tile::of(node).0, hash));
            }
        });
        full.into_iter().try_for_each(|mut tile| tile.store(connection))
    }

    /// Stores what is not stored yet; to be called before each commit.
    pub(super) fn store(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.open.iter_mut().filter(|tile| tile.changed).try_for_each(|tile| tile.store(connection))?;
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let head = params![size, root.as_bytes()];
        connection.prepare_cached("UPDATE head SET size = ?1, root = ?2 WHERE size != ?1")?.execute(head).map(drop)
    }
}

/// Adds a hash to the tile that it belongs to; returns the tile once it is full.
fn add(open: &mut Vec<Open>, tile: Tile, hash: Hash) -> Option<Open> {
    let at = open.iter().position(|open| open.tile == tile).unwrap_or_else(|| {
        open.push(Open { tile, hashes: Vec::with_capacity(FULL), is_there: false, changed: true });
        open.len() - 1
    });
    open[at].hashes.extend(hash.as_bytes());
    open[at].changed = true;
    (open[at].hashes.len() == FULL).then(|| open.swap_remove(at))
}

impl Open {
    fn of(tiles: &Tiles<'_>, tile: Tile, size: u64) -> Result<Self, StoreError> {
        let hashes = tiles.get(tile)?;
        if hashes.len() != tile.width(size) {
            let (found, expected) = (hashes.len(), tile.width(size));
            let what = format!("tile {} of level {} has {found} hashes, not {expected}", tile.number, tile.level);
            return Err(unlike(tile.begin(), what));
        }
        let hashes = hashes.iter().flat_map(|hash| hash.0).collect();
        Ok(Self { tile, hashes, is_there: true, changed: false })
    }

    fn store(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = match self.is_there {
            true => "UPDATE tile SET hashes = ?3 WHERE level = ?1 AND number = ?2",
            false => "INSERT INTO tile (level, number, hashes) VALUES (?1, ?2, ?3)",
        };
        let row = params![self.tile.level, self.tile.number, self.hashes];
        (self.is_there, self.changed) = (true, false);
        connection.prepare_cached(sql)?.execute(row).map(drop)
    }
}

/// Removes the tiles of whose leaves none is left. Not cached, for the reason given at [`super::writer`].
pub(super) fn prune(connection: &Connection, pruned: u64) -> rusqlite::Result<()> {
    for level in 0..u64::BITS as u8 / TILE_HEIGHT {
        let kept = Tile::first_kept(level, pruned);
        if kept == 0 {
            break;
        }
        connection.execute("DELETE FROM tile WHERE level = ?1 AND number < ?2", params![level, kept])?;
    }
    Ok(())
}
