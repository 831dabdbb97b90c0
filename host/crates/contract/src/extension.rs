//! The declarations of a policy's extension, checked alone. Merging the layers checks whether they fit together.

use mcp_audit_log_filter::{Domain, DomainToken};
use mcp_audit_log_model::mask::Mask;
use mcp_audit_log_model::vocabulary;

use crate::access::Right;
use crate::depends::ChannelDependencies;
use crate::manifest::{Action, Cron, SavedFilter, SettingField, UserGroup};

vocabulary! {
    /// The ways in which an extension may widen, if it declares them.
    Widening {
        /// Its groups imply groups of other layers.
        Groups = "groups",
        /// The extension keeps payloads that the layers below do not keep.
        Payloads = "payloads",
    }
}

/// The declarations of an extension.
#[derive(Clone, Debug)]
pub struct ExtensionManifest {
    /// Its name. With a dot it is the prefix of the names that it adds.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence about it.
    pub summary: String,
    /// The layers that must lie below it.
    pub modules: Vec<String>,
    /// Its own groups.
    pub groups: Vec<UserGroup>,
    /// Its access lines.
    pub access: Vec<AccessLine>,
    /// Its own settings, and settings of lower layers that it narrows.
    pub settings: Vec<SettingField>,
    /// Its quick filters.
    pub filters: Vec<SavedFilter>,
    /// Its scheduled jobs.
    pub crons: Vec<Cron>,
    /// Its actions.
    pub actions: Vec<Action>,
    /// Its masks.
    pub masks: Vec<Mask>,
    /// The least that the extension keeps.
    pub keeping: Keeping,
    /// The parts of events that it reads.
    pub depends: ChannelDependencies,
    /// The events for which it is called.
    pub interest: Domain,
    /// The widenings that it declares.
    pub widens: Vec<Widening>,
}

impl ExtensionManifest {
    /// The prefix of the names that it adds.
    pub fn prefix(&self) -> String {
        format!("{}.", self.name)
    }

    /// Whether it declares this widening.
    pub fn widens(&self, widening: Widening) -> bool {
        self.widens.contains(&widening)
    }
}

/// A line of access rules.
#[derive(Clone, Debug)]
pub struct AccessLine {
    /// Whether it gives rights, or narrows them.
    pub effect: AccessEffect,
    /// The group of the line; `None`: every viewer.
    pub group: Option<String>,
    /// The rights that it gives, or whose rules it narrows.
    pub rights: Vec<Right>,
    /// The entries. Kept as tokens because they may depend on the viewer.
    pub domain: Vec<DomainToken>,
}

/// The effect of an access line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessEffect {
    /// Gives rights, and shows entries in addition to those of the lower layers.
    Permission,
    /// Leaves only these entries.
    Restriction,
}

/// The least number of days to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Entries.
    pub entries_days: Option<u32>,
    /// Payloads.
    pub payloads_days: Option<u32>,
    /// Usage figures.
    pub usage_days: Option<u32>,
}
