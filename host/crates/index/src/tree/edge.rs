//! The ledger's tree in the writer's memory: the tiles that are not full yet, and the frontier, which is computed from
//! them.

use super::tiles::Tiles;
use crate::StoreError;
use crate::snapshot::Snapshot;
use crate::transaction::{HeadChange, Removable, Transaction};
use mcp_audit_log_ledger::{Frontier, Hash, Head, TILE_HEIGHT, TILE_WIDTH, Tile};

const FULL: usize = TILE_WIDTH as usize * Hash::LENGTH;

/// The right edge of the tree. All nodes are stored, except those that were pushed since the last commit.
#[derive(Clone, Debug)]
pub struct Tree {
    frontier: Frontier,
    open: Vec<Open>,
}

/// The last tile of a level.
#[derive(Clone, Debug)]
struct Open {
    tile: Tile,
    hashes: Vec<u8>,
    /// Whether a row for it is stored, with fewer hashes.
    is_there: bool,
    changed: bool,
}

impl Tree {
    /// The stored tree of `log`, if its tiles give the head's root.
    ///
    /// # Errors
    /// They do not, or the store fails.
    pub fn of(log: &dyn Snapshot) -> Result<Self, StoreError> {
        let Head { size, root } = log.head()?.tree;
        let tiles = Tiles::new(log);
        let open = Tile::open(size).map(|tile| Open::of(&tiles, tile, size)).collect::<Result<_, _>>()?;
        let frontier = Frontier::of(size, &tiles)?;
        if frontier.root() != root {
            return Err(StoreError::unlike(size, "its tiles do not match the root in its head"));
        }
        Ok(Self { frontier, open })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Adds a leaf. If that fills a tile, the tile is stored.
    pub(crate) fn push(&mut self, log: &dyn Transaction, leaf: Hash) -> Result<(), StoreError> {
        let Self { frontier, open } = self;
        let mut full = Vec::new();
        frontier.push(leaf, |node, hash| {
            if node.level.is_multiple_of(TILE_HEIGHT) {
                full.extend(add(open, Tile::of(node).0, hash));
            }
        });
        full.into_iter().try_for_each(|mut tile| tile.store(log))
    }

    /// Stores all tiles that are not stored yet. Call this before each commit.
    pub(crate) fn store(&mut self, log: &dyn Transaction) -> Result<(), StoreError> {
        self.open.iter_mut().filter(|tile| tile.changed).try_for_each(|tile| tile.store(log))?;
        log.put_head(HeadChange::Tree(Head { size: self.frontier.size(), root: self.frontier.root() }))
    }
}

/// Adds a hash to its tile, and returns the tile when it is full.
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
            return Err(StoreError::unlike(tile.begin(), what));
        }
        let hashes = hashes.iter().flat_map(|hash| hash.0).collect();
        Ok(Self { tile, hashes, is_there: true, changed: false })
    }

    fn store(&mut self, log: &dyn Transaction) -> Result<(), StoreError> {
        log.put_tile(self.tile, &self.hashes, self.is_there)?;
        (self.is_there, self.changed) = (true, false);
        Ok(())
    }
}

/// Removes the tiles whose leaves are all removed.
pub(crate) fn prune(log: &dyn Transaction, pruned: u64) -> Result<(), StoreError> {
    for level in 0..u64::BITS as u8 / TILE_HEIGHT {
        let kept = Tile::first_kept(level, pruned);
        if kept == 0 {
            break;
        }
        log.remove(Removable::Tiles(level, kept))?;
    }
    Ok(())
}
