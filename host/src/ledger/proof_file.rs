//! An entry's proof as a file (c2sp.org/tlog-proof): place, inclusion proof and signed checkpoint in one text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{CheckpointError, SignedCheckpoint, decimal};
use super::hash::Hash;
use super::key::VerifierKey;
use super::proof::{ProofError, verify_inclusion};

const HEADING: &str = "c2sp.org/tlog-proof@v1";
/// More hashes than any proof has: one for each level of the tree.
const MOST: usize = 64;

/// That an entry is in a log, for whoever trusts the log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The entry's place.
    pub index: u64,
    /// From the leaf up.
    pub hashes: Vec<Hash>,
    /// The tree that it is in.
    pub checkpoint: SignedCheckpoint,
}

/// What is wrong with one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// The text.
    #[error("this is no proof: it must be the lines that c2sp.org/tlog-proof describes")]
    Form,
    /// The checkpoint in it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The hashes.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ProofFile {
    /// Reads one; it proves nothing before [`ProofFile::verify`].
    ///
    /// # Errors
    /// It is not exactly a proof.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        let (head, note) = text.split_once("\n\n").ok_or(ProofFileError::Form)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADING) {
            return Err(ProofFileError::Form);
        }
        // Nobody signs what stands there, and here it means nothing.
        lines.next_if(|line| line.starts_with("extra "));
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?)).ok_or(ProofFileError::Form)?;
        let hash = |line| STANDARD.decode(line).ok().and_then(|bytes| Hash::from_slice(&bytes));
        let hashes: Vec<_> = lines.take(MOST + 1).map(hash).collect::<Option<_>>().ok_or(ProofFileError::Form)?;
        if hashes.len() > MOST {
            return Err(ProofFileError::Form);
        }
        Ok(Self { index, hashes, checkpoint: SignedCheckpoint::parse(note.as_bytes())? })
    }

    /// Checks that the leaf with this hash is in the tree that one of `keys` signed for the log. Gives the time of
    /// signing, where it is known, in seconds since 1970.
    ///
    /// # Errors
    /// It is not proved.
    pub fn verify(&self, leaf: Hash, keys: &[VerifierKey]) -> Result<Option<u64>, ProofFileError> {
        let time = self.checkpoint.verify(keys)?;
        let checkpoint = self.checkpoint.checkpoint();
        verify_inclusion(&leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(time)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}\nindex {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash.as_bytes())))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
