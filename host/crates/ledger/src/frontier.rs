//! The frontier: the complete subtrees that make up a tree of some size, one for each one-bit of the size. It is
//! everything that must be known of earlier leaves in order to append and to prove later ones.

use super::hash::{Hash, node_hash};
use super::tree::{Node, Nodes};

/// The largest complete subtrees that the first `size` leaves are made of, from left to right.
pub fn subtrees(size: u64) -> impl Iterator<Item = Node> {
    (0..u64::BITS as u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| {
        let index = (size >> level) - 1;
        Node { level, index }
    })
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

    /// With these hashes, from left to right; `None` unless there are as many as the size has one-bits.
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

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let from_the_right = self.hashes.iter().rev().copied();
        from_the_right.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(Hash::of_nothing)
    }
}
