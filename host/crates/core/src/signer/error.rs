//! Reasons why the log cannot sign, as sentences with the remedy.

use std::io;
use std::path::PathBuf;

use mcp_audit_log_ledger::{CheckpointError, KeyError};

/// Why the log cannot sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// A file.
    #[error("{path} cannot be used: {reason}; it must be a file that only this user may read and write")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// A log that signed before has no keys.
    #[error("the signing keys {0} are missing; name their file with --signing-key, or restore it")]
    Missing(PathBuf),
    /// Other users may read the key.
    #[error(
        "other users may read the signing keys in {0}; run `chmod 600` on the file, and rotate the keys if they were \
         exposed for long"
    )]
    Open(PathBuf),
    /// A line is not a key.
    #[error("line {line} of the signing keys: {reason}")]
    Key {
        /// Counted from 1.
        line: usize,
        /// The reason why it is not a key.
        reason: KeyError,
    },
    /// A kind of key is missing, or the keys belong to different logs.
    #[error("the signing keys must belong to one log: at least one of kind 01 with the log's name, and one of kind 04")]
    Keys,
    /// The key belongs to another log.
    #[error(
        "the signing keys are for {found} and not for {expected}; use the keys of {expected}, or begin a new log with --data"
    )]
    Other {
        /// The name of this log.
        expected: String,
        /// The name on the keys.
        found: String,
    },
    /// `signing.last` is damaged.
    #[error(
        "{path}, the last signed checkpoint, is damaged ({reason}); replace it with the newest published checkpoint"
    )]
    Last {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: CheckpointError,
    },
    /// `signing.last` is missing.
    #[error(
        "{0}, the last signed checkpoint, is missing, though the keys have signed before; restore it, or put the \
         newest published checkpoint there. If it is lost and the log is known to be whole, run `mcp-audit-log key \
         resume`, which records that"
    )]
    Forgotten(PathBuf),
    /// `signing.last` exists, although the operator asked to resume without it.
    #[error("{0} has the last signed checkpoint, so there is nothing to resume; start the log as usual")]
    Remembered(PathBuf),
    /// The keys were rotated, but no start has used them yet.
    #[error(
        "the keys of the last rotation are not in use yet: start the log once so that the old and the new keys sign \
         together, then rotate"
    )]
    Unused,
    /// The tree does not match the last signed checkpoint.
    #[error(
        "the log does not match the last signed checkpoint: {what}. It was restored from an older copy, cut off or \
         rewritten. Restore a newer copy, or keep this folder as evidence and begin a new log elsewhere with --data; \
         {path} has the checkpoint"
    )]
    Inconsistent {
        /// The difference.
        what: String,
        /// `signing.last`.
        path: PathBuf,
    },
}
