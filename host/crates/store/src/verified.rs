//! The result of a verification: what was confirmed, or the first thing that is wrong.

use std::fmt;

use mcp_audit_log_index::StoreError;
use mcp_audit_log_ledger::{Head, SignedCheckpoint};

/// A checkpoint that was kept outside of the log. The log must still continue it.
#[derive(Clone, Debug)]
pub struct ExternalCheckpoint {
    /// Its name in messages: the name of its file.
    pub name: String,
    /// The checkpoint, whose signatures are checked with the log's keys.
    pub note: SignedCheckpoint,
}

/// The confirmed facts about a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The ledger's tree, over all entries that were ever recorded.
    pub head: Head,
    /// The `seq` of the oldest remaining entry. The cleanup removed the entries before it.
    pub first: u64,
    /// Each check, and how many things it checked.
    pub checks: Vec<(&'static str, u64)>,
    /// The checkpoints that could no longer be compared.
    pub uncompared: Vec<String>,
    /// How many entries the last signed checkpoint covers, if it was compared. Later entries are not protected yet.
    pub signed: Option<u64>,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyFinding {
    /// The check that found it.
    pub check: &'static str,
    /// The table, or a table and a column.
    pub at: String,
    /// The entry's `seq`, where it is about one.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// Why a log is not verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A part of the log is wrong or missing.
    #[error("{0}")]
    Wrong(VerifyFinding),
    /// The log could not be read, so the result is unknown.
    #[error(transparent)]
    Unread(#[from] StoreError),
    /// A named checkpoint belongs to another log, so it proves nothing about this one.
    #[error(
        "{name} is not of this log: it is a checkpoint of {origin}, and this is the log {log}; name one of this log"
    )]
    Foreign {
        /// The name of the checkpoint.
        name: String,
        /// The log that it belongs to.
        origin: String,
        /// The log that was read.
        log: String,
    },
    /// The signing keys are not valid.
    #[error("the signing keys cannot be used: {0}")]
    Keys(String),
    /// A file beside the log could not be read.
    #[error("{path} cannot be read: {reason}")]
    Beside {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        reason: std::io::Error,
    },
}

/// The facts that the verification of a folder cannot prove.
pub const NOT_PROVED: &[&str] = &[
    "that the log was not rebuilt as a whole: a user who can write the log's folder, database and last signed \
     checkpoint included, can cut or rewrite the log so that both match, even without the signing keys. Compare it \
     with a checkpoint kept elsewhere: --checkpoint FILE.",
    "that entries after the last signed checkpoint, and entries added while no server ran, are the log's own: a user \
     who can write the database can change, cut or add them, including entries of the log about itself. The next \
     start signs what it finds.",
    "that the recorded data is true: a sender can withhold or invent events.",
    "the content of removed entries; only that they existed.",
    "that removed entries were old enough: only that a cleanup of the log announced their removal in an entry signed \
     before, and that no hold forbade it. Where the cleanup's entries are removed as well, not even that.",
    "that no checkpoint signed after the last start or cleanup is missing.",
    "jobs, views, tokens, the stored clock and publishing states, and usage: they are not evidence.",
    "which policy and settings judged an entry: the records of that and the kept components are not compared with \
     entries. A bundle made with --with-judgement proves it: verify --bundle FILE --judge.",
];

impl fmt::Display for VerifyFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: in {}", self.check, self.at)?;
        if let Some(seq) = self.seq {
            write!(f, ", at seq {seq}")?;
        }
        write!(f, ": {}", self.what)
    }
}
