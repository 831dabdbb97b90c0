//! An entry's proof as a file (c2sp.org/tlog-proof): the entry, its `seq`, its inclusion proof and a signed checkpoint
//! in one text. Anyone with the log's key can verify it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{CheckpointError, SignedCheckpoint, decimal};
use super::content::Content;
use super::hash::Hash;
use super::hash::{Leaf, VERSION};
use super::key::VerifierKey;
use super::proof::{ProofError, verify_inclusion};

const HEADING: &str = "c2sp.org/tlog-proof@v1";
/// The beginning of the line with the application's data.
const EXTRA: &str = "extra ";
/// More hashes than any proof has: one for each level of the tree.
const MOST: usize = 64;

/// The longest file: far above the size of an entry.
const LONGEST: usize = 64 << 20;

/// A proof that an entry is in a log, for a verifier who trusts the log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The entry's `seq`.
    pub index: u64,
    /// The leaf, followed by its content. The content is not signed: it is trusted only if it hashes to the proved
    /// leaf.
    pub extra: Option<Vec<u8>>,
    /// From the leaf up.
    pub hashes: Vec<Hash>,
    /// The tree that it is in.
    pub checkpoint: SignedCheckpoint,
}

/// The reason why a proof file is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// The text does not have the required lines.
    #[error("not a proof: it must have the lines that c2sp.org/tlog-proof describes")]
    Form,
    /// The file does not contain the entry.
    #[error("the proof does not contain its entry, so it proves nothing alone: export it again from the log")]
    Bare,
    /// Its entry is invalid, or is another one.
    #[error("the entry in the proof does not match its leaf: it was changed, or has another version")]
    Entry,
    /// The checkpoint in it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The hashes.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// An entry that was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvedEntry {
    /// `seq` and time of recording.
    pub leaf: Leaf,
    /// The content.
    pub content: Content,
    /// The time of signing in seconds since 1970, if a key gives it.
    pub time: Option<u64>,
}

impl ProofFile {
    /// A proof with the entry that it is about.
    pub fn new(leaf: &Leaf, content: &Content, hashes: Vec<Hash>, checkpoint: SignedCheckpoint) -> Self {
        let extra = [&leaf.to_bytes()[..], content.as_bytes()].concat();
        Self { index: leaf.seq, extra: Some(extra), hashes, checkpoint }
    }

    /// Reads one; it proves nothing before [`ProofFile::verify`] or [`ProofFile::verify_entry`].
    ///
    /// # Errors
    /// It is not exactly a proof.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        let (head, note) = text.split_once("\n\n").filter(|_| text.len() <= LONGEST).ok_or(ProofFileError::Form)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADING) {
            return Err(ProofFileError::Form);
        }
        let extra = lines.next_if(|line| line.starts_with(EXTRA)).and_then(|line| line.strip_prefix(EXTRA));
        let extra = extra.map(|extra| STANDARD.decode(extra).map_err(|_| ProofFileError::Form)).transpose()?;
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?)).ok_or(ProofFileError::Form)?;
        let hash = |line| STANDARD.decode(line).ok().and_then(|bytes| Hash::from_slice(&bytes));
        let hashes: Vec<_> = lines.take(MOST + 1).map(hash).collect::<Option<_>>().ok_or(ProofFileError::Form)?;
        if hashes.len() > MOST {
            return Err(ProofFileError::Form);
        }
        Ok(Self { index, extra, hashes, checkpoint: SignedCheckpoint::parse(note.as_bytes())? })
    }

    /// Checks that the leaf with this hash is in the tree that one of `keys` signed for the log. Returns the time of
    /// signing, if it is known, in seconds since 1970.
    ///
    /// # Errors
    /// It is not proved.
    pub fn verify(&self, leaf: Hash, keys: &[VerifierKey]) -> Result<Option<u64>, ProofFileError> {
        let time = self.checkpoint.verify_timed(keys)?;
        let checkpoint = self.checkpoint.checkpoint();
        verify_inclusion(&leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(time)
    }

    /// Checks that the entry in the file is in the tree that one of `keys` signed, and returns it.
    ///
    /// # Errors
    /// The file has no entry, or it is not proved.
    pub fn verify_entry(&self, keys: &[VerifierKey]) -> Result<ProvedEntry, ProofFileError> {
        let extra = self.extra.as_ref().ok_or(ProofFileError::Bare)?;
        let (leaf, content) = extra.split_first_chunk().ok_or(ProofFileError::Entry)?;
        let (leaf, content) = (Leaf::from_bytes(leaf), Content::from_bytes(content).ok_or(ProofFileError::Entry)?);
        if leaf.version != VERSION || leaf.seq != self.index || leaf.content != content.hash() {
            return Err(ProofFileError::Entry);
        }
        let time = self.verify(leaf.hash(), keys)?;
        Ok(ProvedEntry { leaf, content, time })
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        self.extra.iter().try_for_each(|extra| writeln!(f, "{EXTRA}{}", STANDARD.encode(extra)))?;
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash.as_bytes())))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
