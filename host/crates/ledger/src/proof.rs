//! Proofs that an entry is in a tree and that one tree extends another: checked, and as JSON.
//! The algorithms are those of RFC 9162, 2.1.3.2 and 2.1.4.2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use super::content::Content;
use super::hash::Leaf;
use super::hash::{Hash, node_hash};

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The tree has no such leaf.
    #[error("no leaf {index} in a tree of {size}")]
    Beyond {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The newer tree is smaller than the older one.
    #[error("no consistency proof from {old} to {new} leaves: the newer tree is smaller than the older one")]
    Shrunk {
        /// The size that is claimed to be older.
        old: u64,
        /// The size that is claimed to be newer.
        new: u64,
    },
    /// The proof has another number of hashes than these sizes need.
    #[error("the proof has {found} hashes, which does not match these sizes")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// The content belongs to another entry.
    #[error("the content does not match the leaf")]
    Content,
    /// The proof is about another leaf, or leads to another root.
    #[error("the proof does not lead to the claimed root")]
    Root,
    /// The proof begins with another tree.
    #[error("the proof does not lead to the claimed root of the older tree")]
    OldRoot,
}

/// Checks that the leaf of hash `leaf` is at `index` in the tree of `size` leaves that has this root.
///
/// # Errors
/// The proof is wrong.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Beyond { index, size });
    }
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length { found: proof.len() });
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            skip_up(&mut place, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length { found: proof.len() });
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `old` leaves with one root is the beginning of the tree of `new` leaves with the other root.
///
/// # Errors
/// The proof does not show it.
pub fn verify_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> Result<(), ProofError> {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 || old == new {
        return trivial(old, old_root, new_root, proof);
    }
    let length = ProofError::Length { found: proof.len() };
    let mut hashes = proof.iter();
    let (mut place, mut last) = (old - 1, new - 1);
    let levels = place.trailing_ones();
    (place, last) = (place >> levels, last >> levels);
    // Where the old tree is a complete subtree, the proof does not repeat its hash.
    let first = if place == 0 { old_root } else { hashes.next().ok_or(length)? };
    let (mut from_old, mut from_new) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return Err(length);
        }
        if place & 1 == 1 || place == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            skip_up(&mut place, &mut last);
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    match (last, from_old == *old_root, from_new == *new_root) {
        (0, true, true) => Ok(()),
        (0, false, _) => Err(ProofError::OldRoot),
        (0, ..) => Err(ProofError::Root),
        _ => Err(length),
    }
}

/// From nothing, and to the same size, there is nothing to prove.
fn trivial(old: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::Length { found: proof.len() });
    }
    if old == 0 {
        return if *old_root == Hash::of_nothing() { Ok(()) } else { Err(ProofError::OldRoot) };
    }
    if old_root == new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// At the right edge of the tree, levels without a sibling are skipped.
fn skip_up(place: &mut u64, last: &mut u64) {
    while *place & 1 == 0 && *place != 0 {
        (*place, *last) = (*place >> 1, *last >> 1);
    }
}

/// A tree: the number of its leaves, and their root.
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
    /// The content that the leaf's hash covers.
    pub content: Content,
    /// The tree.
    pub head: Head,
    /// The sibling hashes on the path to the root, from the leaf up.
    pub proof: Vec<Hash>,
}

/// The proof that one tree is the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The older tree.
    pub old: Head,
    /// The newer one.
    pub new: Head,
    /// The hashes, in the order of RFC 9162.
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
    /// Checks it against the roots in it.
    ///
    /// # Errors
    /// The proof is wrong.
    pub fn verify(&self) -> Result<(), ProofError> {
        verify_consistency((self.old.size, &self.old.root), (self.new.size, &self.new.root), &self.proof)
    }
}

/// The proof that an entry is in the ledger's tree; `docs/ledger.md` specifies the check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct InclusionProof {
    /// The entry's `seq`, which is the index of its leaf.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root; all bytes here are in base64.
    pub root: String,
    /// The leaf.
    pub leaf: String,
    /// The entry's content, whose hash is in the leaf.
    pub content: String,
    /// The hashes of the inclusion path, from the leaf up.
    pub proof: Vec<String>,
}

/// The proof that entries were only appended to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ConsistencyProof {
    /// The number of leaves of the older tree.
    pub from: u64,
    /// Its root, in base64 as all hashes here.
    pub from_root: String,
    /// The number of leaves of the newer tree.
    pub to: u64,
    /// Its root.
    pub to_root: String,
    /// The hashes, in the order of RFC 9162.
    pub proof: Vec<String>,
}

impl From<&Inclusion> for InclusionProof {
    fn from(inclusion: &Inclusion) -> Self {
        let Inclusion { leaf, content, head, proof } = inclusion;
        Self {
            index: leaf.seq,
            size: head.size,
            root: base64(&head.root),
            leaf: STANDARD.encode(leaf.to_bytes()),
            content: STANDARD.encode(content.as_bytes()),
            proof: proof.iter().map(base64).collect(),
        }
    }
}

impl From<&Consistency> for ConsistencyProof {
    fn from(consistency: &Consistency) -> Self {
        let Consistency { old, new, proof } = consistency;
        Self {
            from: old.size,
            from_root: base64(&old.root),
            to: new.size,
            to_root: base64(&new.root),
            proof: proof.iter().map(base64).collect(),
        }
    }
}

fn base64(hash: &Hash) -> String {
    STANDARD.encode(hash.as_bytes())
}
