//! The ledger: the log's evidence. A Merkle tree over all entries, in the form of RFC 6962 and RFC 9162.
//!
//! Everything here is arithmetic over bytes: no file, no clock, no database. `docs/ledger.md` specifies it for authors
//! of other verifiers.

mod bundle;
mod checkpoint;
mod content;
mod hash;
mod key;
mod note;
mod proof;
mod proof_file;
mod tree;

pub use bundle::{Bundle, BundleCheck, BundleEntry, BundleError, BundlePayload, CheckedBundle};
pub use bundle::{JudgementLine, JudgementPart, JudgementRecord, verifier_page};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use content::Content;
pub use hash::{Hash, leaf_hash, node_hash};
pub use hash::{Leaf, VERSION};
pub use hash::{commitment, is_committed};
pub use key::{KeyError, SignatureKind, SigningKey, VerifierKey};
pub use note::{Note, NoteError, Signed};
pub use proof::{Consistency, Head, Inclusion};
pub use proof::{ConsistencyProof, InclusionProof};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use proof_file::{ProofFile, ProofFileError, ProvedEntry};
pub use tree::{Frontier, completion, subtrees};
pub use tree::{Node, Nodes, consistency, fold, inclusion, root};
pub use tree::{TILE_HEIGHT, TILE_WIDTH, Tile};

#[cfg(test)]
mod note_tests;
#[cfg(test)]
mod tests;
