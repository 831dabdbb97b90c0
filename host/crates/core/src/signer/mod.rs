//! Signs checkpoints: with the log's keys, and with a memory of the last signed checkpoint.
//!
//! Both are kept outside of the database, so that restoring or rewriting the database does not affect them. A signed
//! checkpoint is on the disk before any reader sees it.

mod error;
pub(crate) mod files;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use mcp_audit_log_ledger::{Checkpoint, Hash, SignatureKind, SignedCheckpoint, SigningKey, VerifierKey};
use mcp_audit_log_model::time::{SECOND, Timestamp};

pub use error::SignerError;
pub use files::rotate;

/// The key file's name in the log's folder.
pub(crate) const KEY_FILE: &str = "signing.key";
/// The name, in the log's folder, of the file with the last signed checkpoint.
const LAST_FILE: &str = "signing.last";

/// The places of the keys and of the last signed checkpoint.
#[derive(Clone, Debug, Default)]
pub struct SignerOptions {
    /// The keys themselves, in the format of a key file. If they are set, no key file is read or created.
    pub keys: Option<String>,
    /// The key file, created if it is missing; `signing.key` in the log's folder by default.
    pub key_file: Option<PathBuf>,
    /// The log's name in checkpoints, such as `audit.example.com/log`. It is used when the key is created; by default
    /// the name is random.
    pub origin: Option<String>,
    /// The file with the last signed checkpoint; by default beside the key file, else in the log's folder.
    pub last_signed: Option<PathBuf>,
    /// Resume signing after the last signed checkpoint was lost; an entry records the operator and the reason.
    pub resume: Option<Resume>,
}

/// An operator's confirmation that a log is complete although `signing.last` was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The operator.
    pub by: String,
    /// The reason.
    pub reason: String,
}

impl SignerOptions {
    /// The key file of the log in `folder`.
    pub fn key_path(&self, folder: &Path) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| folder.join(KEY_FILE))
    }

    /// The file with the last signed checkpoint of the log in `folder`.
    pub fn last_path(&self, folder: &Path) -> PathBuf {
        let beside = || match &self.keys {
            Some(_) => folder.join(LAST_FILE),
            None => self.key_path(folder).with_extension("last"),
        };
        self.last_signed.clone().unwrap_or_else(beside)
    }
}

/// The log's knowledge about itself when its signer is opened.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The keys that the log knows; none before its first entry.
    pub keys: &'a [VerifierKey],
    /// The number of entries ever recorded.
    pub size: u64,
    /// The time.
    pub now: Timestamp,
}

/// Signs checkpoints of one log.
#[derive(Debug)]
pub struct Signer {
    keys: Vec<SigningKey>,
    path: PathBuf,
    last: Option<SignedCheckpoint>,
}

impl Signer {
    /// Reads the keys and the last signed checkpoint, or creates both for a new log. A new log first signs that it has
    /// no entries, and the keys get their name only when that is on the disk. So a crash never leaves keys without a
    /// last checkpoint.
    ///
    /// # Errors
    /// Keys or checkpoint cannot be used, belong to another log, or one of the two is missing.
    pub fn open(folder: &Path, options: &SignerOptions, known: Known<'_>) -> Result<Self, SignerError> {
        let (file, path) = (options.key_path(folder), options.last_path(folder));
        let is_new = known.keys.is_empty() && known.size == 0;
        let found = match &options.keys {
            Some(text) => Some(files::parse(text)?),
            None => files::open(&file)?,
        };
        let Some(keys) = found else {
            return Self::begin(file, path, options.origin.as_deref(), known.now, is_new);
        };
        let mut signer = Self { keys, path, last: None };
        let expected = known.keys.iter().find(|key| key.kind() == SignatureKind::Log).map(VerifierKey::name);
        for expected in expected.into_iter().chain(options.origin.as_deref()) {
            signer.is_of(expected)?;
        }
        signer.last = last(&signer.path)?;
        match (&signer.last, &options.resume) {
            (Some(_), Some(_)) => Err(SignerError::Remembered(signer.path)),
            (Some(last), None) => signer.believes(last).map(|()| signer),
            (None, Some(_)) if !is_new => Ok(signer),
            // The operator supplied the keys. No file shows whether keys from the environment were used before; the log
            // does.
            (None, resume) if is_new && (options.keys.is_some() || resume.is_some()) => signer.empty(known.now),
            (None, _) => Err(SignerError::Forgotten(signer.path)),
        }
    }

    /// Creates keys. The rest of an attempt that crashed covers no entries, so it is overwritten.
    fn begin(
        file: PathBuf,
        path: PathBuf,
        origin: Option<&str>,
        now: Timestamp,
        is_new: bool,
    ) -> Result<Self, SignerError> {
        let signed = last(&path)?.is_some_and(|last| last.checkpoint().size > 0);
        if signed || !is_new {
            return Err(SignerError::Missing(file));
        }
        let signer = Self { keys: files::make(&file, origin)?, path, last: None }.empty(now)?;
        files::write(&file, &signer.keys)?;
        Ok(signer)
    }

    /// Signs the empty tree.
    fn empty(mut self, now: Timestamp) -> Result<Self, SignerError> {
        self.sign(0, Hash::of_nothing(), now)?;
        Ok(self)
    }

    fn is_of(&self, expected: &str) -> Result<(), SignerError> {
        let other = || SignerError::Other { expected: expected.to_owned(), found: self.origin().to_owned() };
        if self.origin() == expected { Ok(()) } else { Err(other()) }
    }

    /// Accept only these keys, among them one that signed before the last rotation: an attacker who can write the
    /// database could add a key there.
    fn believes(&self, last: &SignedCheckpoint) -> Result<(), SignerError> {
        let keys: Vec<_> = self.verifiers().collect();
        last.verify(&keys).map_err(|reason| SignerError::Last { path: self.path.clone(), reason })?;
        self.is_of(&last.checkpoint().origin)
    }

    /// The log's name in checkpoints.
    pub fn origin(&self) -> &str {
        let key = self.keys.iter().find(|key| key.verifier().kind() == SignatureKind::Log);
        key.map_or("", |key| key.verifier().name())
    }

    /// The keys that verify its signatures.
    pub fn verifiers(&self) -> impl Iterator<Item = VerifierKey> {
        self.keys.iter().map(|key| key.verifier().clone())
    }

    /// The last signed checkpoint.
    pub fn last(&self) -> Option<&SignedCheckpoint> {
        self.last.as_ref()
    }

    /// Checks that the tree is the last signed one, or extends it. `root_at` returns the root of the tree at an earlier
    /// size, or `None` if the kept hashes no longer give it.
    ///
    /// # Errors
    /// The tree does not match.
    pub fn check(&self, size: u64, root_at: impl FnOnce(u64) -> Option<Hash>) -> Result<(), SignerError> {
        let Some(last) = self.last.as_ref().map(SignedCheckpoint::checkpoint) else { return Ok(()) };
        let what = if size < last.size {
            format!("it has {size} entries, but {} were signed", last.size)
        } else {
            match root_at(last.size) {
                Some(root) if root == last.root => return Ok(()),
                Some(_) => format!("its first {} entries have another root", last.size),
                None => format!("the root of its first {} entries cannot be computed any more", last.size),
            }
        };
        Err(SignerError::Inconsistent { what, path: self.path.clone() })
    }

    /// Signs the tree of `size` leaves with this root, which [`Signer::check`] accepted as an extension of the last
    /// one. The checkpoint is durable when this returns.
    ///
    /// # Errors
    /// It cannot be stored, so it must not be shown to any reader.
    pub fn sign(&mut self, size: u64, root: Hash, now: Timestamp) -> Result<&SignedCheckpoint, SignerError> {
        let checkpoint = Checkpoint { origin: self.origin().to_owned(), size, root };
        let seconds = now.as_micros().max(0).unsigned_abs() / SECOND.unsigned_abs();
        let damaged = |reason| SignerError::Last { path: self.path.clone(), reason };
        let signed = SignedCheckpoint::sign(checkpoint, &self.keys, seconds).map_err(|error| damaged(error.into()))?;
        files::replace(&self.path, signed.to_string().as_bytes())?;
        Ok(self.last.insert(signed))
    }
}

/// The verifier keys of the log in `folder`. A file that the operator named must exist; the one in the folder may be
/// missing or unreadable for this user.
///
/// # Errors
/// They cannot be read, or are not keys.
pub fn verifiers(folder: &Path, options: &SignerOptions) -> Result<Vec<VerifierKey>, SignerError> {
    let keys = match (&options.keys, &options.key_file) {
        (Some(text), _) => files::parse(text)?,
        (None, Some(path)) => {
            let missing = || SignerError::File { path: path.clone(), reason: std::io::ErrorKind::NotFound.into() };
            files::open(path)?.ok_or_else(missing)?
        }
        (None, None) => files::open(&options.key_path(folder)).ok().flatten().unwrap_or_default(),
    };
    Ok(keys.iter().map(|key| key.verifier().clone()).collect())
}

/// The last signed checkpoint in the file; its signatures are not checked.
///
/// # Errors
/// The file cannot be read, or is not a checkpoint.
pub fn last(path: &Path) -> Result<Option<SignedCheckpoint>, SignerError> {
    let damaged = |reason| SignerError::Last { path: path.to_owned(), reason };
    files::read(path)?.map(|bytes| SignedCheckpoint::parse(&bytes).map_err(damaged)).transpose()
}
