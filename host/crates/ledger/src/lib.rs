//! The ledger: the log's evidence. A Merkle tree over all entries, in the form of RFC 6962 and RFC 9162.
//!
//! Everything here is arithmetic over bytes: no file, no clock, no database. `docs/ledger.md` specifies it for authors
//! of other verifiers.

mod bundle;
mod checkpoint;
mod commitment;
mod content;
mod frontier;
mod hash;
mod key;
mod leaf;
mod note;
mod proof;
mod proof_file;
mod tiles;
mod tree;

pub use bundle::{Bundle, BundleCheck, BundleEntry, BundleError, BundlePayload, CheckedBundle, completion};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use commitment::commitment;
pub use content::Content;
pub use frontier::{Frontier, subtrees};
pub use hash::{Hash, leaf_hash, node_hash};
pub use key::{KeyError, SignatureKind, SigningKey, VerifierKey};
pub use leaf::{Leaf, VERSION};
pub use note::{Note, NoteError, Signed};
pub use proof::{Consistency, Head, Inclusion};
pub use proof::{ConsistencyProof, InclusionProof};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use proof_file::{ProofFile, ProofFileError, ProvedEntry};
pub use tiles::{TILE_HEIGHT, TILE_WIDTH, Tile};
pub use tree::{Node, Nodes, consistency, fold, inclusion, root};

#[cfg(test)]
mod note_tests;
#[cfg(test)]
mod tests;
