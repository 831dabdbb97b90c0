//! What one transaction writes, the result for each entry, and the progress of the cleanup.

use crate::{CheckpointChange, Prepared, StoreError};
use mcp_audit_log_contract::alert::AlertChange;
use mcp_audit_log_contract::hold::HoldChange;
use mcp_audit_log_contract::judged_by::JudgedByChange;
use mcp_audit_log_contract::saved_view::ViewChange;
use mcp_audit_log_contract::settings::SettingChange;
use mcp_audit_log_contract::tool_definition::KnownTool;
use mcp_audit_log_model::schedule::CronState;

/// The most rows that one transaction of the cleanup removes. It holds the writer for some 20 ms.
pub const PRUNE_CHUNK: u64 = 500;

/// The content of one transaction.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Entries, in order.
    pub entries: Vec<Prepared>,
    /// The changes of states that are stored together with them.
    pub states: StateChange,
}

/// Changes of the states beside the entries. They are stored in one transaction with the entries about them.
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
    /// Signed checkpoints, new keys, and the progress of destinations.
    pub checkpoints: Vec<CheckpointChange>,
    /// The seqs of the entries whose payloads are erased.
    pub erased: Vec<u64>,
    /// What judges from an entry of the batch on. A record that says the same as the newest one is not stored.
    pub judged_by: Vec<JudgedByChange>,
    /// Tools, each in the place of what was known of it.
    pub tools: Vec<KnownTool>,
    /// Alerts.
    pub alerts: Vec<AlertChange>,
}

impl StateChange {
    /// Adds the changes of `later`, which were made after these.
    #[doc(hidden)]
    pub fn extend(&mut self, later: Self) {
        self.settings.extend(later.settings);
        self.crons.extend(later.crons);
        self.holds.extend(later.holds);
        self.views.extend(later.views);
        self.checkpoints.extend(later.checkpoints);
        self.erased.extend(later.erased);
        self.judged_by.extend(later.judged_by);
        self.tools.extend(later.tools);
        self.alerts.extend(later.alerts);
    }
}

/// The result for each entry of a batch, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was stored with this `seq`.
    At(u64),
    /// The same entry was already stored: it was sent again, with the same id, tenant, channel, method and user.
    Duplicate,
    /// Another entry with this id was already stored, and stays.
    Conflict,
}

/// What the cleanup may remove: entries and payloads that are old enough by `plan`, and only below these seqs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// What may be removed, by time of recording.
    pub plan: mcp_audit_log_contract::plan::Plan,
    /// No entry at or above this `seq` is removed.
    pub entries_below: u64,
    /// No payload at or above this `seq` is removed, unless its entry is removed.
    pub payloads_below: u64,
}

impl Removal {
    /// A removal by `plan` alone, without a limit by `seq`.
    pub fn everywhere(plan: mcp_audit_log_contract::plan::Plan) -> Self {
        Self { plan, entries_below: u64::MAX, payloads_below: u64::MAX }
    }
}

/// The result of one step of retention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Entries removed.
    pub entries: u64,
    /// Payloads removed.
    pub payloads: u64,
    /// Whether another step is needed, even if this step removed neither entries nor payloads.
    pub more: bool,
}

/// Appends and prunes.
pub trait Writer: Send {
    /// Stores a batch: all of it or nothing, durable when this returns. Entries whose id is already stored are skipped.
    ///
    /// # Errors
    /// It is unknown whether anything was stored. A repeated call finds the stored entries by their ids.
    fn commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError>;

    /// Removes one chunk of the entries that `removal` permits, oldest first, and none that a hold keeps. When no entry
    /// is left to remove, further calls remove, in equally small steps, the texts that no entry uses any more.
    /// `Pruned::more` reports whether to call again. An entry that does not hash to its leaf in the ledger stays as
    /// evidence.
    ///
    /// # Errors
    /// Nothing was removed, or it is unknown whether something was. A repeated call continues from the state of the
    /// log.
    fn prune(&mut self, removal: Removal) -> Result<Pruned, StoreError>;
}
