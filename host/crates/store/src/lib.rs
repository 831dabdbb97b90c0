//! Storage: the only place that knows SQL.
//!
//! The recorder holds the one [`Writer`]; everybody who reads goes through the `Reader` of the crates above, which holds a
//! [`Files`]. Tokens live in a file of their own, since the command line creates them beside a running server.

mod checkpoint;
mod group;
mod index;
mod payload;
mod prepared;
mod private;
mod sqlite;
mod tokens;
mod usage;
mod verified;

use std::path::PathBuf;

use mcp_audit_log_contract::hold::HoldChange;
use mcp_audit_log_contract::saved_view::ViewChange;
use mcp_audit_log_contract::settings::SettingChange;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;

pub use checkpoint::Inventory;
pub(crate) use checkpoint::chained;
pub use checkpoint::{CheckpointChange, NewCheckpoint, PlaceChange, StoredCheckpoint};
pub use group::{Group, GroupBy, GroupQuery, GroupSort, Groups, MAX_GROUPS, Values};
pub use payload::{PackedPayload, StoredPayload};
pub use prepared::Prepared;
pub use sqlite::Mark;
pub use sqlite::{CHECKS, Files, SqliteWriter, Tell, Tiles, verify};
pub use tokens::{Deed, Outbox, PREFIX as TOKEN_PREFIX, Untold};
pub use tokens::{NewToken, Token, TokenError, Tokens};
pub(crate) use usage::failures;
pub use usage::is_dimension;
pub use usage::{
    Breakdown, Figures, Lack, MAX_POINTS, Point, REQUESTS, RangeError, Totals, USAGE_FIELDS, Usage, UsageQuery,
    UsageRow, UsageSort, UsageStep, requests, usage_range,
};
pub use verified::{Kept, NOT_PROVED, Verified, VerifyError, Wrong};

/// How many rows one transaction of the cleanup removes at most: it holds the writer for some 20 ms.
pub const PRUNE_CHUNK: u64 = 500;

/// What is written in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Entries, in order.
    pub entries: Vec<Prepared>,
    /// What changes together with them.
    pub states: StateChange,
}

/// What stands beside the entries and changes together with the entries about it.
#[derive(Clone, Debug, Default)]
pub struct StateChange {
    /// Settings.
    pub settings: Vec<SettingChange>,
    /// States of scheduled jobs, by name.
    pub crons: Vec<(String, CronState)>,
    /// Legal holds.
    pub holds: Vec<HoldChange>,
    /// Saved views.
    pub views: Vec<ViewChange>,
    /// What was signed, by which keys, and where it arrived.
    pub checkpoints: Vec<CheckpointChange>,
    /// Places of the entries whose payloads are erased.
    pub erased: Vec<u64>,
}

impl StateChange {
    /// Adds `later`, which comes after these.
    #[doc(hidden)]
    pub fn extend(&mut self, later: Self) {
        self.settings.extend(later.settings);
        self.crons.extend(later.crons);
        self.holds.extend(later.holds);
        self.views.extend(later.views);
        self.checkpoints.extend(later.checkpoints);
        self.erased.extend(later.erased);
    }
}

/// What became of a batch's entries, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It has this place in the log.
    At(u64),
    /// The same entry was there already: sent again, of this id, instance, channel, method and user.
    Duplicate,
    /// Another entry of this id was there already, and stays.
    Conflict,
}

/// What the cleanup may remove: by age, and no further than these places, whatever the ages say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// By time of recording.
    pub plan: mcp_audit_log_contract::plan::Plan,
    /// No entry at or above this place goes.
    pub entries_below: u64,
    /// No payload at or above this place goes, unless its entry goes.
    pub payloads_below: u64,
}

impl Removal {
    /// What `plan` says, wherever it is.
    pub fn everywhere(plan: mcp_audit_log_contract::plan::Plan) -> Self {
        Self { plan, entries_below: u64::MAX, payloads_below: u64::MAX }
    }
}

/// How far retention got in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Entries removed.
    pub entries: u64,
    /// Payloads removed.
    pub payloads: u64,
    /// Whether there is more to do, even where this step removed neither.
    pub more: bool,
}

/// The one who appends.
pub trait Writer: Send {
    /// Stores a batch: all of it or nothing, durable when this returns. Entries whose id is there already are skipped.
    ///
    /// # Errors
    /// Whether anything was stored is unknown; a repeated call finds out by the ids.
    fn commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError>;

    /// Removes one chunk of what may go, oldest first, and nothing that a hold keeps; once that is done, in as small
    /// steps, the texts that no entry has any more. `Pruned::more` says whether to go on. What does not hash to what the
    /// ledger has stays as evidence.
    ///
    /// # Errors
    /// Nothing was removed, or it is unknown; a repeated call goes on where it stands.
    fn prune(&mut self, removal: Removal) -> Result<Pruned, StoreError>;
}

/// A page of entries, newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins: entries before this place.
    pub next: Option<u64>,
    /// Where the page before this one begins: entries after this place.
    pub previous: Option<u64>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// With the newest entry.
    #[default]
    Newest,
    /// So that it ends with the oldest entry.
    Oldest,
    /// With the first entry below this place.
    Before(u64),
    /// So that it ends with the first entry above this place.
    After(u64),
}

/// The cursor of the page before, where there was one.
impl From<Option<u64>> for Place {
    fn from(before: Option<u64>) -> Self {
        before.map_or(Self::Newest, Self::Before)
    }
}

/// Which entries to read.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// The filter, with the record rule in it.
    pub domain: Domain,
    /// Where it begins.
    pub from: Place,
    /// How many.
    pub limit: usize,
}

/// Figures about the log as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Entries there are.
    pub entries: u64,
    /// Bytes of the database, what waits in the write-ahead log included.
    pub bytes: u64,
    /// Bytes of the write-ahead log beside it. It is used again and again, and longer than some 16 MB
    /// only while somebody reads for long.
    pub journal_bytes: u64,
    /// When the oldest was recorded.
    pub oldest: Option<Timestamp>,
    /// When the newest was recorded.
    pub newest: Option<Timestamp>,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
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
    /// A file of the open log is not there any more, or another is in its place.
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
    /// There are too many groups.
    #[error("there are more than {MAX_GROUPS} groups; narrow the search, or group by something that repeats more")]
    TooManyGroups,
    /// There are too many values to count.
    #[error("there are more than a million distinct values; narrow the search by time or by a field")]
    TooManyValues,
    /// The database refused or failed.
    #[error("the database failed while {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// A stored row cannot be read.
    #[error("entry {seq} cannot be read: {reason}")]
    Corrupt {
        /// Its place.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
    /// The entries are not those that the ledger has.
    #[error(
        "the ledger does not match the log at entry {seq}: {what}; run `mcp-audit-log verify` and keep this folder \
         as evidence: restore it from a backup, or begin a new log elsewhere with --data"
    )]
    Ledger {
        /// The place.
        seq: u64,
        /// What does not fit.
        what: String,
    },
    /// There is no proof about a tree of this size.
    #[error("no proof for the log's first {size} entries: proofs exist for sizes from {from} to {to}")]
    Unprovable {
        /// The size.
        size: u64,
        /// The least there is a proof for.
        from: u64,
        /// The greatest.
        to: u64,
    },
    /// The index is not what was written. The writer makes it again from the entries; until then searches fail.
    #[error(
        "the index of {field} is damaged at entry {first}; restart mcp-audit-log, which rebuilds it from the entries"
    )]
    Index {
        /// The first entry of the damaged block.
        first: u64,
        /// The field.
        field: &'static str,
    },
}

impl StoreError {
    /// Whether the index is damaged, which can be made again.
    pub fn is_index(&self) -> bool {
        matches!(self, Self::Index { .. })
    }

    /// Whether the rows themselves were refused, so that trying the same batch again is of no use.
    pub fn is_refusal(&self) -> bool {
        use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
        match self {
            Self::Database { source, .. } => {
                matches!(source.sqlite_error_code(), Some(ConstraintViolation | TooBig | TypeMismatch))
            }
            _ => false,
        }
    }
}
