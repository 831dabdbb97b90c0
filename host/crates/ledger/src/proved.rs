//! What a log hands out: an entry or an older tree, with the proof that the log has it.

use super::content::Content;
use super::hash::Hash;
use super::leaf::Leaf;
use super::proof::{ProofError, verify_consistency, verify_inclusion};

/// A tree: how many leaves, and their root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many leaves.
    pub size: u64,
    /// Their root.
    pub root: Hash,
}

/// An entry, and the proof that it is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The entry's leaf.
    pub leaf: Leaf,
    /// What the leaf's hash is of.
    pub content: Content,
    /// The tree.
    pub head: Head,
    /// The hashes beside its way to the root, from the leaf up.
    pub proof: Vec<Hash>,
}

/// The proof that one tree is the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The older tree.
    pub old: Head,
    /// The newer one.
    pub new: Head,
    /// The hashes, as RFC 9162 orders them.
    pub proof: Vec<Hash>,
}

impl Inclusion {
    /// Checks the proof against its own root. A checkpoint shows whether that is the log's root.
    ///
    /// # Errors
    /// The proof is wrong.
    pub fn verify(&self) -> Result<(), ProofError> {
        if self.content.hash() != self.leaf.content {
            return Err(ProofError::Content);
        }
        verify_inclusion(&self.leaf.hash(), self.leaf.seq, self.head.size, &self.proof, &self.head.root)
    }
}

impl Consistency {
    /// Checks it against the roots that it names.
    ///
    /// # Errors
    /// It proves nothing.
    pub fn verify(&self) -> Result<(), ProofError> {
        verify_consistency((self.old.size, &self.old.root), (self.new.size, &self.new.root), &self.proof)
    }
}
