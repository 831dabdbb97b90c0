//! Evidence for verifiers: proofs, checkpoints, and the keys that check the log's signatures.

use std::path::Path;

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_core::reader::ReadError;
use mcp_audit_log_core::signer;
use mcp_audit_log_core::signer::SignerOptions;
use mcp_audit_log_index::{StoreError, StoreReader, StoredCheckpoint};
use mcp_audit_log_ledger::{CheckpointError, ProofFile, SignedCheckpoint, VerifierKey};
use mcp_audit_log_store as store;
use uuid::Uuid;

use super::{AuditLog, LogView, OpenError, SignError};

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The entry may not or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The newest checkpoint covers fewer entries.
    #[error("no checkpoint covers this yet; one is signed within a minute while the log is open")]
    Unsigned,
    /// No entry matches.
    #[error("no entry that you may see matches, so there is nothing to prove; widen the search")]
    Nothing,
    /// There are more entries than a bundle may have.
    #[error(
        "from the first match to the last there are {entries} entries, and a bundle here has at most {most}; choose a \
         shorter time, or use `mcp-audit-log bundle` on the log's machine"
    )]
    TooLong {
        /// How many there are.
        entries: u64,
        /// The limit.
        most: u64,
    },
    /// A cleanup removed entries of a bundle while it was written.
    #[error("a cleanup removed entries while they were read; start again")]
    Removed,
    /// The checkpoint cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The stored checkpoint is not a checkpoint.
    #[error("the stored checkpoint is damaged: {0}")]
    Damaged(#[from] CheckpointError),
    /// A component that judged a shown entry is not in the log's folder.
    #[error(
        "what judged the entry with seq {seq} cannot be included: {reason}; restore the folder `policies` from a backup, \
         or export without judgements"
    )]
    Component {
        /// The entry.
        seq: u64,
        /// Why.
        reason: std::io::Error,
    },
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl From<StoreError> for EvidenceError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl LogView {
    /// The newest checkpoint, if there is one.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify, or the store fails.
    pub fn checkpoint(&self, access: &Grant) -> Result<Option<StoredCheckpoint>, ReadError> {
        access.require_oversight()?;
        Ok(self.files.newest_checkpoint()?)
    }

    /// The archived checkpoints (the first of each day), newest first, below the number `before`.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify, or the store fails.
    pub fn archived_checkpoints(
        &self,
        access: &Grant,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredCheckpoint>, ReadError> {
        access.require_oversight()?;
        Ok(self.files.archived(before, limit)?)
    }

    /// The keys that verify the log's signatures, the oldest first, in the form for external verifiers. They are not
    /// secret; a verifier should get them over another channel.
    ///
    /// # Errors
    /// The store fails.
    pub fn verifier_keys(&self) -> Result<Vec<String>, ReadError> {
        Ok(self.files.verifiers()?)
    }

    /// The entry with this id and the proof that it is in the log, by the newest checkpoint; `None` if the viewer may
    /// not see it.
    ///
    /// # Errors
    /// The viewer may not read, no checkpoint covers the entry yet, or the store fails.
    pub fn proof_file(&self, access: &Grant, id: Uuid) -> Result<Option<ProofFile>, EvidenceError> {
        let Some(entry) = self.reader(access).entry(id)? else { return Ok(None) };
        let newest = self.files.newest_checkpoint()?.map(|newest| newest.checkpoint);
        let newest = newest.filter(|newest| entry.seq < newest.size).ok_or(EvidenceError::Unsigned)?;
        let checkpoint = SignedCheckpoint::parse(newest.note.as_bytes())?;
        let size = checkpoint.checkpoint().size;
        let Some(found) = self.files.inclusion(entry.seq, Some(size))? else { return Ok(None) };
        Ok(Some(ProofFile::new(&found.leaf, &found.content, found.proof, checkpoint)))
    }
}

impl AuditLog {
    /// The newest checkpoint; the log signs one if there is none. Blocks.
    ///
    /// # Errors
    /// The errors of [`LogView::checkpoint`], or the checkpoint cannot be signed.
    pub fn latest_checkpoint(&self, access: &Grant) -> Result<Option<StoredCheckpoint>, EvidenceError> {
        if self.view().checkpoint(access)?.is_none() {
            self.sign()?;
        }
        Ok(self.view().checkpoint(access)?)
    }

    /// The same as [`LogView::proof_file`], but the log signs a checkpoint if none covers the entry yet. Blocks.
    ///
    /// # Errors
    /// The viewer may not read, the checkpoint cannot be signed, or the store fails.
    pub fn prove(&self, access: &Grant, id: Uuid) -> Result<Option<ProofFile>, EvidenceError> {
        match self.view().proof_file(access, id) {
            Err(EvidenceError::Unsigned) => {
                self.sign()?;
                self.view().proof_file(access, id)
            }
            found => found,
        }
    }
}

/// Creates new signing keys for the log in `folder`; see [`signer::rotate`].
///
/// # Errors
/// A process has the log open, there is no log, or the keys cannot be changed.
pub fn rotate_keys(folder: &Path, options: &SignerOptions) -> Result<Vec<VerifierKey>, OpenError> {
    let files = store::open_to_read(folder)?;
    let _lock = store::lock(folder)?;
    let last = signer::last(&options.last_path(folder))?;
    Ok(signer::rotate(&options.key_path(folder), last.as_ref(), &known(&files)?)?)
}

/// The keys of the log.
pub(super) fn known(files: &StoreReader) -> Result<Vec<VerifierKey>, StoreError> {
    Ok(files.verifiers()?.iter().filter_map(|key| VerifierKey::parse(key).ok()).collect())
}
