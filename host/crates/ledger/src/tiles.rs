//! Tiles: hashes are kept 256 at a time, and only for every eighth level. The levels between are quick to compute.

use std::ops::Range;

use super::tree::Node;

/// How many levels of the tree a tile covers.
pub const TILE_HEIGHT: u8 = 8;
/// How many hashes a full tile has.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// A tile: at level `level`, the hashes of the complete subtrees of 256^`level` leaves, from number `number` × 256 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// 0 for the tiles that hold leaves, 1 for those that hold a hash of each full tile of level 0, and so on.
    pub level: u8,
    /// How many tiles of its level are left of it.
    pub number: u64,
}

impl Tile {
    /// The tile with the hashes that make up `node`, and which of them.
    pub fn of(node: Node) -> (Self, Range<usize>) {
        let below = node.level % TILE_HEIGHT;
        let first = node.index << below;
        let at = (first % TILE_WIDTH) as usize;
        let tile = Self { level: node.level / TILE_HEIGHT, number: first / TILE_WIDTH };
        (tile, at..at + (1 << below))
    }

    /// The tiles of a tree of `size` leaves that are not full yet: at most one at each level.
    pub fn open(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..u64::BITS as u8 / TILE_HEIGHT).map(move |level| (level, hashes(level, size)));
        let open = levels.filter(|(_, hashes)| !hashes.is_multiple_of(TILE_WIDTH));
        open.map(|(level, hashes)| Self { level, number: hashes / TILE_WIDTH })
    }

    /// How many hashes it has in a tree of `size` leaves.
    pub fn width(self, size: u64) -> usize {
        let before = self.number.saturating_mul(TILE_WIDTH);
        hashes(self.level, size).saturating_sub(before).min(TILE_WIDTH) as usize
    }

    /// How many tiles of a level a tree of `size` leaves has.
    pub fn count(level: u8, size: u64) -> u64 {
        hashes(level, size).div_ceil(TILE_WIDTH)
    }

    /// The first tile of a level that a log keeps after its first `pruned` leaves. What stays is enough for every proof
    /// about the remaining leaves: each needed hash shares a tile with one that stays.
    pub fn first_kept(level: u8, pruned: u64) -> u64 {
        hashes(level, pruned) / TILE_WIDTH
    }

    /// The index of the first leaf that it covers.
    pub fn begin(self) -> u64 {
        // At the highest level there is one tile, and it begins at 0.
        self.number.checked_shl(u32::from(TILE_HEIGHT) * u32::from(self.level + 1)).unwrap_or(0)
    }
}

/// How many hashes there are at a level of tiles.
fn hashes(level: u8, size: u64) -> u64 {
    size >> (TILE_HEIGHT * level)
}
