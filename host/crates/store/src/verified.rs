//! What verification says: what was found true of a log, or the first thing that is wrong with it.

use std::fmt;

use super::StoreError;
use mcp_audit_log_ledger::{Head, SignedCheckpoint};

/// A checkpoint that was kept outside of the log, which the log must still be a continuation of.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What it is called in what is said of it: the name of its file.
    pub name: String,
    /// The checkpoint, whose signatures are checked with the log's keys.
    pub note: SignedCheckpoint,
}

/// What was found true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The ledger's tree, over all entries that were ever recorded.
    pub head: Head,
    /// The place of the oldest entry there is; what came before was removed by the cleanup.
    pub first: u64,
    /// Each check, and how many things it looked at.
    pub checks: Vec<(&'static str, u64)>,
    /// What was to be compared and cannot be any more.
    pub uncompared: Vec<String>,
    /// How many entries what was signed last is about, where that was compared: nothing protects those behind them yet.
    pub signed: Option<u64>,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Which check found it.
    pub check: &'static str,
    /// The table, or a table and a column.
    pub at: String,
    /// The entry's place, where it is about one.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// Why a log is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something in it is wrong or missing.
    #[error("{0}")]
    Wrong(Wrong),
    /// It could not be read, so nothing is known.
    #[error(transparent)]
    Unread(#[from] StoreError),
    /// The signing keys that were given are none.
    #[error("the signing keys cannot be used: {0}")]
    Keys(String),
    /// A file beside it could not be read.
    #[error("{path} cannot be read: {reason}")]
    Beside {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        reason: std::io::Error,
    },
}

/// What verification of a folder cannot show.
pub const NOT_PROVED: &[&str] = &[
    "that nobody who may write the log's folder made it anew: with the database and what was signed last in hand, a log can \
     be cut or written again so that both fit, also without the signing keys. Compare it with what somebody else has kept: \
     --checkpoint FILE.",
    "that the entries behind what was signed last, and those that came while no server ran, are the log's own: who may \
     write the database can change, cut or add them, entries of the log about itself included, and the next start signs \
     what it finds.",
    "that what was recorded is what happened: who sends events can withhold or invent them.",
    "what entries that were removed said; only that they were there.",
    "that what was removed was old enough: only that a cleanup of the log meant to remove it, as an entry that was signed \
     before says, and that no hold was in its way. Of cleanups whose entries are gone as well, not even that.",
    "that no checkpoint is missing that was signed after the last start or cleanup.",
    "jobs, views, tokens, the memory of the clock and of what was published, and sums of usage: they are no evidence.",
];

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: in {}", self.check, self.at)?;
        if let Some(seq) = self.seq {
            write!(f, ", at entry {seq}")?;
        }
        write!(f, ": {}", self.what)
    }
}
