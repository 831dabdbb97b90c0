//! The reasons why a store could not answer or write, in words that fit every store.

use std::path::PathBuf;

/// The reason why a store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("the data folder {path} cannot be used: {reason}; name a writable folder with --data")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// Another process writes this log.
    #[error("the log in {0} is in use by another process; stop that process, or use another folder with --data")]
    InUse(PathBuf),
    /// There is no log.
    #[error("no log in {0}; `mcp-audit-log serve` creates one, or name another folder with --data")]
    Missing(PathBuf),
    /// The log has an older format, and only a server may upgrade it.
    #[error("the log in {0} was made by an older version; start `mcp-audit-log serve` on it once, which upgrades it")]
    Old(PathBuf),
    /// A file of the open log is missing, or another file is in its place.
    #[error("{0} was moved, removed or replaced while the log is open; restore it, or restart with the present one")]
    Moved(PathBuf),
    /// The file is of another kind or version.
    #[error("{path} is not a log of this version of mcp-audit-log ({reason})")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The query took too long.
    #[error("the query took longer than {0} seconds and was stopped; narrow it by time or by a field")]
    Deadline(u64),
    /// The store did not run the query.
    #[error("the store did not run the question; try again, and report it if it stays")]
    Unread,
    /// There are more groups than this.
    #[error("there are more than {0} groups; narrow the search, or group by something that repeats more")]
    TooManyGroups(usize),
    /// There are too many values to count.
    #[error("there are more than a million distinct values; narrow the search by time or by a field")]
    TooManyValues,
    /// The database refused or failed.
    #[error("the database failed while {doing}: {source}")]
    Database {
        /// What the store was doing.
        doing: &'static str,
        /// The kind of failure.
        failure: StoreFailure,
        /// The error of the database library.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored row cannot be read.
    #[error("the entry at seq {seq} cannot be read: {reason}")]
    Corrupt {
        /// Its `seq`.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
    /// The entries do not match the ledger.
    #[error(
        "the ledger does not match the log at seq {seq}: {what}; run `mcp-audit-log verify` and keep this folder \
         as evidence: restore it from a backup, or begin a new log elsewhere with --data"
    )]
    Ledger {
        /// The `seq`.
        seq: u64,
        /// The difference.
        what: String,
    },
    /// There is no proof about a tree of this size.
    #[error("no proof for the log's first {size} entries: proofs exist for sizes from {from} to {to}")]
    Unprovable {
        /// The size.
        size: u64,
        /// The smallest size for which there is a proof.
        from: u64,
        /// The greatest.
        to: u64,
    },
    /// The index is damaged. The writer rebuilds it from the entries; until then, searches fail.
    #[error(
        "the index of {field} is damaged at seq {first}; restart mcp-audit-log, which rebuilds it from the entries"
    )]
    Index {
        /// The first entry of the damaged block.
        first: u64,
        /// The field.
        field: &'static str,
    },
}

/// The kind of a database failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFailure {
    /// A temporary failure of the disk, a lock or memory. A retry may succeed.
    Unavailable,
    /// The database refused the rows themselves, so retrying the same batch is useless.
    Refused,
    /// The stored data was not written by this program.
    Damaged,
}

impl StoreError {
    /// Whether the index is damaged. It can be rebuilt.
    pub fn is_index(&self) -> bool {
        matches!(self, Self::Index { .. })
    }

    /// Whether the rows themselves were refused, so that retrying the same batch is useless.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Database { failure: StoreFailure::Refused, .. })
    }

    /// Stored data that this program does not write, found while `doing`.
    pub(crate) fn damaged(doing: &'static str, what: String) -> Self {
        Self::Database { doing, failure: StoreFailure::Damaged, source: what.into() }
    }

    /// The entries from `seq` on do not match the ledger.
    #[doc(hidden)]
    pub fn unlike(seq: u64, what: impl Into<String>) -> Self {
        Self::Ledger { seq, what: what.into() }
    }
}
