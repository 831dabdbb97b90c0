//! Proofs as they are handed out: JSON with bytes in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use super::hash::Hash;
use super::proved::{Consistency, Inclusion};

/// The proof that an entry is in the ledger's tree; `docs/ledger.md` specifies the check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InclusionProof {
    /// The entry's `seq`, which is the index of its leaf.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root; all bytes here are in base64.
    pub root: String,
    /// The leaf.
    pub leaf: String,
    /// The entry's content; the leaf has its hash.
    pub content: String,
    /// The hashes of the inclusion path, from the leaf up.
    pub proof: Vec<String>,
}

/// The proof that entries were only appended to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConsistencyProof {
    /// How many leaves the older tree has.
    pub from: u64,
    /// Its root, in base64 as all hashes here.
    pub from_root: String,
    /// How many leaves the newer tree has.
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
