//! Who signs checkpoints: the log's keys, and the memory of what they signed last.
//!
//! Both are kept outside of the database, so that one who restores or rewrites the database does not take them along. What
//! was signed is on the disk before anybody else sees it.

mod files;
mod key_file;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use crate::ledger::{
    Checkpoint, CheckpointError, Hash, KeyError, SignatureKind, SignedCheckpoint, SigningKey, VerifierKey,
};
use crate::time::{SECOND, Timestamp};

pub use key_file::rotate;

/// The key file's name in the log's folder.
pub const KEY_FILE: &str = "signing.key";
/// The name, in the log's folder, of the file with what was signed last.
const LAST_FILE: &str = "signing.last";

/// Where the keys and their memory are.
#[derive(Clone, Debug, Default)]
pub struct SignerOptions {
    /// The keys themselves, as a key file has them. Where this is set, no key file is read or made.
    pub keys: Option<String>,
    /// The key file, made where it is missing; `signing.key` in the log's folder by default.
    pub key_file: Option<PathBuf>,
    /// What the log calls itself in what it signs, such as `audit.example.com/log`. It counts when the key is made; by
    /// default the log then gets a name by chance.
    pub origin: Option<String>,
    /// The file with what was signed last; beside the key file by default, else in the log's folder.
    pub last_signed: Option<PathBuf>,
}

/// What keeps the log from signing.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// A file.
    #[error("{path} cannot be used: {reason}; it must be a file that this user may read and write, and nobody else")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// There are no keys for a log that has signed before.
    #[error("the signing keys {0} are missing; name the file where they are with --signing-key, or put them back")]
    Missing(PathBuf),
    /// Others may read the key.
    #[error(
        "others may read the signing keys in {0}; take that away with `chmod 600`, and rotate the keys if it was so for long"
    )]
    Open(PathBuf),
    /// A line is no key.
    #[error("line {line} of the signing keys: {reason}")]
    Key {
        /// Counted from 1.
        line: usize,
        /// Why.
        reason: KeyError,
    },
    /// There are none of a kind, or of different logs.
    #[error("the signing keys must be one log's: at least one of kind 01 with the log's name, and one of kind 04")]
    Keys,
    /// The key is another log's.
    #[error(
        "the signing keys are for {found} and not for {expected}; use the keys of {expected}, or begin a new log with --data"
    )]
    Other {
        /// Who the log is.
        expected: String,
        /// Whose keys there are.
        found: String,
    },
    /// The memory is damaged.
    #[error(
        "{path}, which says what was signed last, is damaged ({reason}); put the newest checkpoint that was published there"
    )]
    Last {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: CheckpointError,
    },
    /// The memory is gone.
    #[error(
        "{0}, which says what was signed last, is missing; put it back, or put the newest checkpoint that was published there"
    )]
    Forgotten(PathBuf),
    /// The tree is not what was signed.
    #[error(
        "the log is not the one that was signed last: {what}. It was restored from an older copy, cut off or rewritten. \
         Restore a newer copy, or keep this folder as evidence and begin a new log elsewhere with --data; {path} has what \
         was signed"
    )]
    Inconsistent {
        /// What is different.
        what: String,
        /// The memory.
        path: PathBuf,
    },
}

/// Signs checkpoints of one log.
#[derive(Debug)]
pub struct Signer {
    keys: Vec<SigningKey>,
    path: PathBuf,
    last: Option<SignedCheckpoint>,
}

impl Signer {
    /// Reads the keys, or makes them, and what was signed last. `known` are the keys that the log remembers.
    ///
    /// # Errors
    /// They cannot be used, or are another log's.
    pub fn open(folder: &Path, options: &SignerOptions, known: &[VerifierKey]) -> Result<Self, SignerError> {
        let file = options.key_file.clone().unwrap_or_else(|| folder.join(KEY_FILE));
        let keys = match &options.keys {
            Some(text) => key_file::parse(text)?,
            None if known.is_empty() => key_file::open_or_make(&file, options.origin.as_deref())?,
            None => key_file::open(&file)?.ok_or_else(|| SignerError::Missing(file.clone()))?,
        };
        let beside = if options.keys.is_some() { folder.join(LAST_FILE) } else { file.with_extension("last") };
        let path = options.last_signed.clone().unwrap_or(beside);
        let signer = Self { keys, path, last: None };
        let expected = known.iter().find(|key| key.kind() == SignatureKind::Log).map(VerifierKey::name);
        for expected in expected.into_iter().chain(options.origin.as_deref()) {
            signer.is_of(expected)?;
        }
        signer.remembering(known)
    }

    fn is_of(&self, expected: &str) -> Result<(), SignerError> {
        let other = || SignerError::Other { expected: expected.to_owned(), found: self.origin().to_owned() };
        if self.origin() == expected { Ok(()) } else { Err(other()) }
    }

    fn remembering(self, known: &[VerifierKey]) -> Result<Self, SignerError> {
        let damaged = |reason| SignerError::Last { path: self.path.clone(), reason };
        let Some(bytes) = files::read(&self.path)? else { return Ok(self) };
        let last = SignedCheckpoint::parse(&bytes).map_err(damaged)?;
        let keys: Vec<_> = self.verifiers().chain(known.iter().cloned()).collect();
        last.verify(&keys).map_err(damaged)?;
        self.is_of(&last.checkpoint().origin)?;
        Ok(Self { last: Some(last), ..self })
    }

    /// The log's name in what it signs.
    pub fn origin(&self) -> &str {
        let key = self.keys.iter().find(|key| key.verifier().kind() == SignatureKind::Log);
        key.map_or("", |key| key.verifier().name())
    }

    /// What checks its signatures.
    pub fn verifiers(&self) -> impl Iterator<Item = VerifierKey> {
        self.keys.iter().map(|key| key.verifier().clone())
    }

    /// What was signed last.
    pub fn last(&self) -> Option<&SignedCheckpoint> {
        self.last.as_ref()
    }

    /// Whether the tree is the one that was signed last, or has grown from it: `root_at` gives the root that the tree of
    /// `size` leaves had at a size up to that.
    ///
    /// # Errors
    /// It is another one.
    pub fn check(&self, size: u64, root_at: impl FnOnce(u64) -> Option<Hash>) -> Result<(), SignerError> {
        let Some(last) = self.last.as_ref().map(SignedCheckpoint::checkpoint) else { return Ok(()) };
        let what = if size < last.size {
            format!("it has {size} entries, and {} were signed", last.size)
        } else if root_at(last.size) != Some(last.root) {
            format!("its first {} entries have another root", last.size)
        } else {
            return Ok(());
        };
        Err(SignerError::Inconsistent { what, path: self.path.clone() })
    }

    /// The same for a log that has checkpoints, at its start: their signer must remember one of them.
    ///
    /// # Errors
    /// It remembers none.
    pub fn remembers(&self, has_checkpoints: bool) -> Result<(), SignerError> {
        if has_checkpoints && self.last.is_none() { Err(SignerError::Forgotten(self.path.clone())) } else { Ok(()) }
    }

    /// Signs the tree of `size` leaves with this root, which [`Signer::check`] has found to be a continuation of the last
    /// one; it is remembered when this returns.
    ///
    /// # Errors
    /// It cannot be remembered, and must not be shown to anybody.
    pub fn sign(&mut self, size: u64, root: Hash, now: Timestamp) -> Result<&SignedCheckpoint, SignerError> {
        let checkpoint = Checkpoint { origin: self.origin().to_owned(), size, root };
        let seconds = now.as_micros().max(0).unsigned_abs() / SECOND.unsigned_abs();
        let damaged = |reason| SignerError::Last { path: self.path.clone(), reason };
        let signed = SignedCheckpoint::sign(checkpoint, &self.keys, seconds).map_err(|error| damaged(error.into()))?;
        files::replace(&self.path, signed.to_string().as_bytes())?;
        Ok(self.last.insert(signed))
    }
}
