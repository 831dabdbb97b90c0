//! The tree: its root and its proofs, made of the hashes of complete subtrees, wherever these are kept.

use super::hash::{Hash, node_hash};

/// A complete subtree: the leaves from `index << level` on, `1 << level` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// How many levels are below it: 0 is a leaf.
    pub level: u8,
    /// How many subtrees of its size are left of it.
    pub index: u64,
}

/// Where hashes of complete subtrees come from.
pub trait Nodes {
    /// Why one cannot be had.
    type Error;

    /// The hash of a complete subtree. Proofs ask for nothing beyond the size that they are made for.
    ///
    /// # Errors
    /// It is not there.
    fn node(&self, node: Node) -> Result<Hash, Self::Error>;
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// A hash is not there.
pub fn root<N: Nodes>(size: u64, nodes: &N) -> Result<Hash, N::Error> {
    if size == 0 { Ok(Hash::of_nothing()) } else { range(0, size, nodes) }
}

/// The proof that the leaf at `index` is in the tree of the first `size` leaves (RFC 9162, 2.1.3.1); from the leaf up.
/// `index` must be below `size`.
///
/// # Errors
/// A hash is not there.
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

/// The proof that the tree of the first `old` leaves is the beginning of that of the first `new` (RFC 9162, 2.1.4.1).
/// `old` must not be above `new`. From nothing, and to the same size, the proof is empty.
///
/// # Errors
/// A hash is not there.
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
