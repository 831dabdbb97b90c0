//! The states beside the entries, as a reader returns them.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkpoint::{archive_chain, digest_up_to};
use crate::states::{CheckpointQuery, held_from};
use crate::{CheckpointTime, DestinationState, Inventory, StoreError, StoreReader, StoredCheckpoint};
use mcp_audit_log_contract::alert::Alert;
use mcp_audit_log_contract::tool_definition::KnownTool;
use mcp_audit_log_contract::{access::Viewer, hold::Hold, judged_by::JudgedBy, saved_view::SavedView};
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::schedule::CronState;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

impl StoreReader {
    /// All settings that were ever changed.
    ///
    /// # Errors
    /// The store fails.
    pub fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        self.read(|log| log.settings())
    }

    /// The stored states of scheduled jobs.
    ///
    /// # Errors
    /// The store fails.
    pub fn crons(&self) -> Result<BTreeMap<String, CronState>, StoreError> {
        self.read(|log| log.crons())
    }

    /// Every hold that was ever placed, the newest first.
    ///
    /// # Errors
    /// The store fails.
    pub fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.read(|log| log.holds())
    }

    /// The time of recording from which on holds keep everything.
    ///
    /// # Errors
    /// The store fails.
    pub fn held_from(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|log| held_from(log))
    }

    /// The views that `viewer` may see, by name.
    ///
    /// # Errors
    /// The store fails, or a view cannot be read.
    pub fn views(&self, viewer: &Viewer) -> Result<Vec<SavedView>, StoreError> {
        self.read(|log| log.views(viewer))
    }

    /// The known tools of all servers, by server and name.
    ///
    /// # Errors
    /// The store fails, or a tool cannot be read.
    pub fn tools(&self) -> Result<Vec<KnownTool>, StoreError> {
        self.read(|log| log.tools())
    }

    /// All alerts, by the id of their view.
    ///
    /// # Errors
    /// The store fails, or an alert cannot be read.
    pub fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        self.read(|log| log.alerts())
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// The store fails.
    pub fn newest_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.one(&CheckpointQuery::NEWEST)
    }

    /// The newest archived checkpoint.
    ///
    /// # Errors
    /// The store fails.
    pub fn newest_archived(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.one(&CheckpointQuery { archived: true, ..CheckpointQuery::NEWEST })
    }

    fn one(&self, query: &CheckpointQuery) -> Result<Option<StoredCheckpoint>, StoreError> {
        Ok(self.read(|log| log.checkpoints(query))?.into_iter().next())
    }

    /// The archived checkpoints with numbers below `before`, newest first.
    ///
    /// # Errors
    /// The store fails.
    pub fn archived(&self, before: Option<u64>, limit: usize) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let query = CheckpointQuery { archived: true, below: before, limit, ..CheckpointQuery::ALL };
        self.read(|log| log.checkpoints(&query))
    }

    /// The time of signing of every stored checkpoint, newest first.
    ///
    /// # Errors
    /// The store fails.
    pub fn checkpoint_times(&self) -> Result<Vec<CheckpointTime>, StoreError> {
        self.read(|log| log.checkpoint_times())
    }

    /// The number of the newest checkpoint at the time when an operator last confirmed the clock; 0 if there is none.
    ///
    /// # Errors
    /// The store fails.
    pub fn clock_confirmed(&self) -> Result<u64, StoreError> {
        self.read(|log| log.clock_confirmed())
    }

    /// The newest checkpoint that arrived at any destination; 0 for none.
    ///
    /// # Errors
    /// The store fails.
    pub fn published(&self) -> Result<u64, StoreError> {
        Ok(self.destinations()?.into_iter().map(|destination| destination.number).max().unwrap_or(0))
    }

    /// The state of publishing, by destination.
    ///
    /// # Errors
    /// The store fails.
    pub fn destinations(&self) -> Result<Vec<DestinationState>, StoreError> {
        Ok(self.read(|log| log.destinations())?.into_iter().filter(|it| !it.is_of_sink()).collect())
    }

    /// How far this sink of entries is; `None` if it never began.
    ///
    /// # Errors
    /// The store fails.
    pub fn sink(&self, name: &str) -> Result<Option<DestinationState>, StoreError> {
        let name = DestinationState::of_sink(name, 0, false).name;
        Ok(self.read(|log| log.destinations())?.into_iter().find(|it| it.name == name))
    }

    /// The keys that check the log's signatures, as `vkey`s.
    ///
    /// # Errors
    /// The store fails.
    pub fn verifiers(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.read(|log| log.keys())?.into_iter().map(|(vkey, _)| vkey).collect())
    }

    /// See [`crate::States::judged_before`].
    ///
    /// # Errors
    /// The store fails, or a record cannot be read.
    pub fn judged_before(&self, before: u64, limit: usize) -> Result<Vec<JudgedBy>, StoreError> {
        self.read(|log| log.judged_before(before, limit))
    }

    /// The digests of all components that any record of what judged names.
    ///
    /// # Errors
    /// The store fails, or a record cannot be read.
    pub fn judging_components(&self) -> Result<BTreeSet<String>, StoreError> {
        self.read(|log| log.judging_components())
    }

    /// The inventory of checkpoints and keys.
    ///
    /// # Errors
    /// The store fails.
    pub fn inventory(&self) -> Result<Inventory, StoreError> {
        self.read(|log| Inventory::of(log))
    }

    /// The digest of the archived checkpoints up to this number.
    ///
    /// # Errors
    /// The store fails.
    pub fn archive_digest(&self, up_to: u64) -> Result<Hash, StoreError> {
        self.read(|log| Ok(digest_up_to(&archive_chain(log)?, up_to)))
    }
}
