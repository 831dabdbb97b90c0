//! Checkpoints (c2sp.org/tlog-checkpoint): "my tree of this size has this root", as a signed note of three lines.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hash::Hash;
use super::key::{SignatureKind, SigningKey, VerifierKey};
use super::note::{Note, NoteError};

/// A log's statement about its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is the name of its key.
    pub origin: String,
    /// How many leaves the tree has.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
}

/// A checkpoint with unchecked signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// Why a checkpoint is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text.
    #[error("the note is not a checkpoint: its text must have three lines: the log's name, the size and the root")]
    Form,
    /// The time is not signed.
    #[error(
        "the checkpoint of {0} has no valid signature of its time, though a key for it is given: the signature was \
         removed, or is of a newer key; name that key, or leave out the key that ends in /time to check without a \
         time"
    )]
    Untimed(String),
    /// The log itself did not sign.
    #[error("the checkpoint of {0} is not signed by a trusted key of that log")]
    Unsigned(String),
}

impl Checkpoint {
    /// Reads a note's text. Extension lines are refused, because no verifier could check them.
    ///
    /// # Errors
    /// It is not exactly the three lines of a checkpoint.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<_> = text.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n').collect();
        let [origin, size, root] = lines[..] else { return Err(CheckpointError::Form) };
        let root = STANDARD.decode(root).ok().and_then(|bytes| Hash::from_slice(&bytes));
        let (Some(size), Some(root), false) = (decimal(size), root, origin.is_empty()) else {
            return Err(CheckpointError::Form);
        };
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root } = self;
        write!(f, "{origin}\n{size}\n{}\n", STANDARD.encode(root.as_bytes()))
    }
}

impl SignedCheckpoint {
    /// Signs with all of `keys`, at `time` in seconds since 1970.
    ///
    /// # Errors
    /// The origin is not allowed in a note.
    pub fn sign(checkpoint: Checkpoint, keys: &[SigningKey], time: u64) -> Result<Self, NoteError> {
        let note = Note::sign(checkpoint.to_string(), keys, time)?;
        Ok(Self { checkpoint, note })
    }

    /// Reads one; nothing in it is trusted before [`SignedCheckpoint::verify`].
    ///
    /// # Errors
    /// It is not exactly a signed checkpoint.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Checks that the log itself signed it with one of `keys` that has the name of its origin, and that no signature
    /// by another of them is wrong. Returns the time that a trusted key signed, in seconds since 1970.
    ///
    /// # Errors
    /// It cannot be trusted.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Option<u64>, CheckpointError> {
        let signed = self.note.verify(keys)?;
        let origin = &self.checkpoint.origin;
        let by_log = |key: &VerifierKey| key.kind() == SignatureKind::Log && key.name() == origin;
        if !signed.iter().any(|signed| by_log(signed.key)) {
            return Err(CheckpointError::Unsigned(origin.clone()));
        }
        Ok(signed.iter().find_map(|signed| signed.time))
    }

    /// The same; if a timestamp key is among `keys`, one of these must have signed the time. Every log has such a key,
    /// so a missing signature was removed.
    ///
    /// # Errors
    /// The same errors, or the time is not signed.
    pub fn verify_timed(&self, keys: &[VerifierKey]) -> Result<Option<u64>, CheckpointError> {
        let time = self.verify(keys)?;
        let needs_time = keys.iter().any(|key| key.kind() == SignatureKind::Time);
        if needs_time && time.is_none() {
            return Err(CheckpointError::Untimed(self.checkpoint.origin.clone()));
        }
        Ok(time)
    }

    /// The keys among `keys` that signed it.
    ///
    /// # Errors
    /// None of them signed it, or a signature under the name of one of them is wrong.
    pub fn signers<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, CheckpointError> {
        Ok(self.note.verify(keys)?.into_iter().map(|signed| signed.key).collect())
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// A number in C2SP notation: only digits, without a leading zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}
