//! The states beside the entries, as a store reads them: settings, jobs, holds, views, checkpoints, keys, destinations,
//! the records of what judged, tools, alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeFrom;

use crate::{CheckpointTime, DestinationState, StoreError, StoredCheckpoint};
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::alert::Alert;
use mcp_audit_log_contract::hold::Hold;
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::saved_view::SavedView;
use mcp_audit_log_contract::tool_definition::KnownTool;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// How many of the newest checkpoints are kept, archived or not: two days with one checkpoint a minute.
pub const NEWEST_CHECKPOINTS: u64 = 2_880;

/// The states beside the entries, at the moment of the snapshot.
pub trait States {
    /// All settings that were ever changed. An unreadable one counts as not set.
    ///
    /// # Errors
    /// The store fails.
    fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError>;

    /// The stored states of scheduled jobs.
    ///
    /// # Errors
    /// The store fails.
    fn crons(&self) -> Result<BTreeMap<String, CronState>, StoreError>;

    /// Every hold that was ever placed, the newest first.
    ///
    /// # Errors
    /// The store fails.
    fn holds(&self) -> Result<Vec<Hold>, StoreError>;

    /// The views that `viewer` may see, by name.
    ///
    /// # Errors
    /// The store fails, or a view cannot be read.
    fn views(&self, viewer: &Viewer) -> Result<Vec<SavedView>, StoreError>;

    /// Checkpoints by their numbers, the newest first unless the query says otherwise.
    ///
    /// # Errors
    /// The store fails.
    fn checkpoints(&self, query: &CheckpointQuery) -> Result<Vec<StoredCheckpoint>, StoreError>;

    /// The time of signing of every stored checkpoint, newest first.
    ///
    /// # Errors
    /// The store fails.
    fn checkpoint_times(&self) -> Result<Vec<CheckpointTime>, StoreError>;

    /// The keys that check the log's signatures, as `vkey`s, each with the time of its first use in microseconds;
    /// oldest first.
    ///
    /// # Errors
    /// The store fails.
    fn keys(&self) -> Result<Vec<(String, i64)>, StoreError>;

    /// The number of the newest checkpoint at the time when an operator last confirmed the clock; 0 if there is none.
    ///
    /// # Errors
    /// The store fails.
    fn clock_confirmed(&self) -> Result<u64, StoreError>;

    /// The progress of each destination of checkpoints, and of each sink of entries.
    ///
    /// # Errors
    /// The store fails.
    fn destinations(&self) -> Result<Vec<DestinationState>, StoreError>;

    /// The records of what judged with a `since` below `before`, the newest first; at most `limit`. The first of them
    /// judged the entry before `before`. A record that another one took the place of before an entry was stored judged
    /// nothing, and is left out.
    ///
    /// # Errors
    /// The store fails, or a record cannot be read.
    fn judged_before(&self, before: u64, limit: usize) -> Result<Vec<JudgedBy>, StoreError>;

    /// The digests of all components that any record names, also one that judged no entry.
    ///
    /// # Errors
    /// The store fails, or a record cannot be read.
    fn judging_components(&self) -> Result<BTreeSet<String>, StoreError>;

    /// The known tools of all servers, by server and name.
    ///
    /// # Errors
    /// The store fails, or a tool cannot be read.
    fn tools(&self) -> Result<Vec<KnownTool>, StoreError>;

    /// All alerts, by the id of their view.
    ///
    /// # Errors
    /// The store fails, or an alert cannot be read.
    fn alerts(&self) -> Result<Vec<Alert>, StoreError>;
}

/// The checkpoints to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointQuery {
    /// Only archived ones.
    pub archived: bool,
    /// Whether the order is ascending by number.
    pub oldest_first: bool,
    /// Only checkpoints with a number below this.
    pub below: Option<u64>,
    /// Only checkpoints whose size is in this range.
    pub size: RangeFrom<u64>,
    /// How many.
    pub limit: usize,
}

impl CheckpointQuery {
    /// Every checkpoint.
    pub const ALL: Self = Self { archived: false, oldest_first: false, below: None, size: 0.., limit: usize::MAX };
    /// The newest one.
    pub const NEWEST: Self = Self { limit: 1, ..Self::ALL };
}

/// The time of recording from which on holds keep everything: the earliest start of the holds in force.
pub(crate) fn held_from(log: &(impl States + ?Sized)) -> Result<Option<Timestamp>, StoreError> {
    Ok(log.holds()?.into_iter().filter(|hold| hold.released.is_none()).map(|hold| hold.from).min())
}
