//! The Merkle tree of RFC 9162: proofs, its frontier, and tiles of 256 hashes.

use std::ops::Range;

use super::hash::{Hash, node_hash};

/// A complete subtree: `1 << level` leaves from `index << level` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// The number of levels below it: 0 is a leaf.
    pub level: u8,
    /// The number of subtrees of its size to its left.
    pub index: u64,
}

/// A source of hashes of complete subtrees.
pub trait Nodes {
    /// Why one cannot be had.
    type Error;

    /// The hash of a complete subtree. A proof for a tree of some size requests no node beyond that size.
    ///
    /// # Errors
    /// The hash is missing.
    fn node(&self, node: Node) -> Result<Hash, Self::Error>;
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// A hash is missing.
pub fn root<N: Nodes>(size: u64, nodes: &N) -> Result<Hash, N::Error> {
    if size == 0 { Ok(Hash::of_nothing()) } else { range(0, size, nodes) }
}

/// The proof that the leaf at `index` is in the tree of the first `size` leaves (RFC 9162, 2.1.3.1); from the leaf up.
/// `index` must be below `size`.
///
/// # Errors
/// A hash is missing.
pub fn inclusion<N: Nodes>(index: u64, size: u64, nodes: &N) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(range(middle, end, nodes)?);
            end = middle;
        } else {
            path.push(range(begin, middle, nodes)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `old` leaves is the beginning of the tree of the first `new` leaves (RFC 9162,
/// 2.1.4.1). `old` must not be above `new`. If `old` is 0 or equals `new`, the proof is empty.
///
/// # Errors
/// A hash is missing.
pub fn consistency<N: Nodes>(old: u64, new: u64, nodes: &N) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut path) = (0, new, Vec::new());
    if old == 0 {
        return Ok(path);
    }
    while old < end {
        let middle = begin + split(end - begin);
        if old <= middle {
            path.push(range(middle, end, nodes)?);
            end = middle;
        } else {
            path.push(range(begin, middle, nodes)?);
            begin = middle;
        }
    }
    // If the old tree as a whole is a subtree of the new one, the verifier already has its hash.
    if begin > 0 {
        path.push(range(begin, end, nodes)?);
    }
    path.reverse();
    Ok(path)
}

/// The hash over the leaves from `begin` to `end`, a subtree that may be incomplete only at its right edge.
fn range<N: Nodes>(begin: u64, end: u64, nodes: &N) -> Result<Hash, N::Error> {
    let length = end - begin;
    if length.is_power_of_two() {
        let level = length.trailing_zeros() as u8;
        return nodes.node(Node { level, index: begin >> level });
    }
    let middle = begin + split(length);
    Ok(node_hash(&range(begin, middle, nodes)?, &range(middle, end, nodes)?))
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// The hash over the roots of neighbouring complete subtrees of one size; there must be a power of two of them.
pub fn fold(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| node_hash(&pair[0], pair.last().unwrap_or(&pair[0]))).collect();
    }
    level.first().copied().unwrap_or_else(Hash::of_nothing)
}

/// The largest complete subtrees that the first `size` leaves are made of, from left to right.
pub fn subtrees(size: u64) -> impl Iterator<Item = Node> {
    (0..u64::BITS as u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| {
        let index = (size >> level) - 1;
        Node { level, index }
    })
}

/// The largest complete subtrees that cover the leaves from `begin` to below `end`, from left to right.
pub fn completion(begin: u64, end: u64) -> Vec<Node> {
    let (mut at, mut nodes) = (begin, Vec::new());
    while at < end {
        let level = at.trailing_zeros().min((end - at).ilog2());
        nodes.push(Node { level: level as u8, index: at >> level });
        at += 1 << level;
    }
    nodes
}

/// Size and frontier of a tree that grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree of this size.
    ///
    /// # Errors
    /// A hash is missing.
    pub fn of<N: Nodes>(size: u64, nodes: &N) -> Result<Self, N::Error> {
        Ok(Self { size, hashes: subtrees(size).map(|node| nodes.node(node)).collect::<Result<_, _>>()? })
    }

    /// The frontier with these hashes, from left to right; `None` unless their number equals the number of one-bits in
    /// the size.
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() == size.count_ones() as usize).then_some(Self { size, hashes })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the [`subtrees`], from left to right.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds a leaf, and calls `completed` for each subtree that it completes, the leaf first.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(Node, Hash)) {
        let (mut node, mut hash) = (Node { level: 0, index: self.size }, leaf);
        completed(node, hash);
        while node.index & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
            completed(node, hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// Adds the leaves of a complete subtree, by its hash. Returns whether it begins where the tree ends; otherwise nothing
    /// is added.
    pub fn append(&mut self, mut node: Node, mut hash: Hash) -> bool {
        let leaves = 1_u64.checked_shl(node.level.into());
        let end = leaves.filter(|leaves| node.index.checked_mul(*leaves) == Some(self.size));
        let Some(end) = end.and_then(|leaves| self.size.checked_add(leaves)) else { return false };
        while node.index & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
        }
        self.hashes.push(hash);
        self.size = end;
        true
    }

    /// Adds the leaves up to below `end` by the hashes of their [`completion`]. Returns whether there is one for each
    /// subtree; otherwise the tree must not be used any more.
    pub fn append_all(&mut self, hashes: &[Hash], end: u64) -> bool {
        let nodes = completion(self.size, end);
        nodes.len() == hashes.len() && nodes.into_iter().zip(hashes).all(|(node, hash)| self.append(node, *hash))
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let from_the_right = self.hashes.iter().rev().copied();
        from_the_right.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(Hash::of_nothing)
    }
}

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

    /// The first tile of a level that a log keeps after its first `pruned` leaves were removed. The remaining tiles are
    /// enough for every proof about the remaining leaves: each needed hash is in one tile with a remaining hash.
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
