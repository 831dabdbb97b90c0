//! What keeps the log from signing, in sentences that say what to do.

use std::io;
use std::path::PathBuf;

use mcp_audit_log_ledger::{CheckpointError, KeyError};

/// What keeps the log from signing.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// A file.
    #[error("{path} cannot be used: {reason}; it must be a file that only this user may read and write")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// There are no keys for a log that has signed before.
    #[error("the signing keys {0} are missing; name their file with --signing-key, or restore it")]
    Missing(PathBuf),
    /// Others may read the key.
    #[error(
        "other users may read the signing keys in {0}; run `chmod 600` on the file, and rotate the keys if they were \
         exposed for long"
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
    #[error("the signing keys must belong to one log: at least one of kind 01 with the log's name, and one of kind 04")]
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
        "{path}, the last signed checkpoint, is damaged ({reason}); replace it with the newest published checkpoint"
    )]
    Last {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: CheckpointError,
    },
    /// The memory is gone.
    #[error(
        "{0}, the last signed checkpoint, is missing, though the keys have signed before; restore it, or put the \
         newest published checkpoint there. If it is lost and the log is known to be whole, run `mcp-audit-log key \
         resume`, which records that"
    )]
    Forgotten(PathBuf),
    /// The memory is there, and somebody wants to go on without it.
    #[error("{0} has the last signed checkpoint, so there is nothing to resume; start the log as usual")]
    Remembered(PathBuf),
    /// The keys were made anew, and no start has used them.
    #[error(
        "the keys of the last rotation are not in use yet: start the log once so that the old and the new keys sign \
         together, then rotate"
    )]
    Unused,
    /// The tree is not what was signed.
    #[error(
        "the log does not match the last signed checkpoint: {what}. It was restored from an older copy, cut off or \
         rewritten. Restore a newer copy, or keep this folder as evidence and begin a new log elsewhere with --data; \
         {path} has the checkpoint"
    )]
    Inconsistent {
        /// What is different.
        what: String,
        /// The memory.
        path: PathBuf,
    },
}
