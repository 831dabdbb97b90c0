//! Viewers and their rights. Every read needs a [`Grant`].

use std::collections::BTreeSet;

use mcp_audit_log_filter::{Context, Domain};
use mcp_audit_log_model::actor::Actor;
use mcp_audit_log_model::event::Client;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;

/// The user who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// The name or id on the platform.
    pub user: String,
    /// The policy's groups that the user was given, without implied groups.
    pub groups: Vec<String>,
    /// The tenant of the platform; `None`: the viewer sees entries without a tenant.
    pub instance: Option<String>,
}

impl Viewer {
    /// A user of no tenant with these groups of the policy.
    pub fn new(user: impl Into<String>, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { user: user.into(), groups: groups.into_iter().map(Into::into).collect(), instance: None }
    }

    /// Sets the tenant of the platform. Viewers see only entries of their own tenant.
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// The context of this viewer at `now`, for filters that refer to the viewer or the time.
    pub fn context(&self, now: Timestamp) -> Context<'_> {
        Context::new(now, Some(&self.user), self.instance.as_deref())
    }
}

/// Something a viewer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Right {
    /// See entries, within the record rule.
    Read,
    /// Read the kept requests and responses.
    ReadPayloads,
    /// Export entries.
    Export,
    /// Export payloads.
    ExportPayloads,
    /// See usage figures.
    ReadUsage,
    /// Change settings of the whole log: settings, legal holds, scheduled jobs.
    Configure,
    /// Manage the viewer's own tenant: its tokens, and shared views of other users.
    Manage,
    /// Check the log's integrity.
    Verify,
    /// Send events, as a platform does.
    Record,
}

/// The access of a viewer: rights, and a record rule that selects the entries they may see.
///
/// A policy grants access; the log grants itself access to its own last entry. All other callers can only deny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    viewer: Viewer,
    zone: TimeZone,
    actor: Actor,
    rights: BTreeSet<Right>,
    rule: Domain,
    usage_rule: Domain,
}

/// The viewer lacks a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("you are not allowed to {}", .0.verb())]
pub struct Denied(pub Right);

/// Creates a [`Grant`] and reads its parts. Only the log's crates use it: the façade does not re-export this trait, so
/// an embedder can deny access but never grant it.
pub trait GrantInternals: Sized {
    /// These rights, with one rule for entries and usage figures.
    fn new(viewer: Viewer, rights: BTreeSet<Right>, rule: Domain) -> Self;

    /// The same, with a separate rule for usage figures.
    fn counting(self, usage_rule: Domain) -> Self;

    /// The same without a right.
    fn without(self, right: Right) -> Self;

    /// The same, narrowed by `rule` for entries and for usage figures.
    fn narrowed(self, rule: &Domain) -> Self;

    /// The actor in entries about this viewer's actions.
    fn actor(&self) -> &Actor;

    /// The record rule.
    fn rule(&self) -> &Domain;

    /// The requests that usage figures count.
    fn usage_rule(&self) -> &Domain;
}

impl GrantInternals for Grant {
    fn new(viewer: Viewer, rights: BTreeSet<Right>, rule: Domain) -> Self {
        let (actor, zone) = (Actor::from(viewer.user.as_str()), TimeZone::UTC);
        Self { viewer, zone, actor, rights, usage_rule: rule.clone(), rule }
    }

    fn counting(self, usage_rule: Domain) -> Self {
        Self { usage_rule, ..self }
    }

    fn without(mut self, right: Right) -> Self {
        self.rights.remove(&right);
        self
    }

    fn narrowed(mut self, rule: &Domain) -> Self {
        for own in [&mut self.rule, &mut self.usage_rule] {
            *own = std::mem::replace(own, Domain::FALSE).narrowed(rule);
        }
        self
    }

    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn rule(&self) -> &Domain {
        &self.rule
    }

    fn usage_rule(&self) -> &Domain {
        &self.usage_rule
    }
}

impl Grant {
    /// No rights and no visible entries.
    pub fn denied(viewer: Viewer) -> Self {
        Self::new(viewer, BTreeSet::new(), Domain::FALSE)
    }

    /// The same for a viewer on this connection, address and program. Entries about the viewer's actions carry them.
    pub fn came_by(mut self, connection: Option<String>, client: &Client) -> Self {
        let Client { ip, user_agent, .. } = client.clone();
        self.actor = Actor { connection, ip, user_agent, ..self.actor };
        self
    }

    /// The same for a viewer who asks about the days of this zone. The record rule keeps to the days of UTC.
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// The zone whose days the viewer's questions are about; UTC by default.
    pub fn zone(&self) -> TimeZone {
        self.zone
    }

    /// The context of the viewer's questions at `now`.
    pub fn context(&self, now: Timestamp) -> Context<'_> {
        self.viewer.context(now).in_zone(self.zone)
    }

    /// The viewer.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Whether the viewer has `right`.
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// The same as a result.
    ///
    /// # Errors
    /// The viewer lacks the right.
    pub fn require(&self, right: Right) -> Result<(), Denied> {
        if self.may(right) { Ok(()) } else { Err(Denied(right)) }
    }

    /// Whether the viewer may see settings, scheduled jobs and the log's size: with the right to configure or to
    /// verify.
    pub fn may_oversee(&self) -> bool {
        self.may(Right::Configure) || self.may(Right::Verify)
    }

    /// The same as a result.
    ///
    /// # Errors
    /// The viewer may neither configure nor verify.
    pub fn require_oversight(&self) -> Result<(), Denied> {
        if self.may_oversee() { Ok(()) } else { Err(Denied(Right::Configure)) }
    }

    /// Whether the viewer may read each entry that their usage figures count, so that a figure can link to entries.
    pub fn reads_what_it_counts(&self) -> bool {
        self.may(Right::Read) && self.rule == self.usage_rule
    }
}

impl Right {
    /// All rights, with the names that policies and the API use.
    const NAMES: [(Self, &'static str); 9] = [
        (Self::Read, "read"),
        (Self::ReadPayloads, "read-payloads"),
        (Self::Export, "export"),
        (Self::ExportPayloads, "export-payloads"),
        (Self::ReadUsage, "read-usage"),
        (Self::Configure, "configure"),
        (Self::Manage, "manage"),
        (Self::Verify, "verify"),
        (Self::Record, "record"),
    ];

    /// All rights, with their names.
    pub fn names() -> impl Iterator<Item = (Self, &'static str)> {
        Self::NAMES.into_iter()
    }

    /// The right of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::names().find(|(_, known)| *known == name).map(|(right, _)| right)
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Read => "read entries",
            Self::ReadPayloads => "read payloads",
            Self::Export => "export entries",
            Self::ExportPayloads => "export payloads",
            Self::ReadUsage => "see usage",
            Self::Configure => "change settings of the whole log",
            Self::Manage => "manage tokens, or what other users shared",
            Self::Verify => "verify the log",
            Self::Record => "send events",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Authors of policies have the names from there.
    #[test]
    fn the_table_of_rights_has_all_of_them_in_order() {
        let page = include_str!("../../../../docs/policy.md");
        let (_, table) = page.split_once("| right | what it allows |\n|---|---|\n").expect("a table of rights");
        let rows = table.lines().take_while(|line| line.starts_with("| `"));
        let names: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        assert_eq!(names, Right::names().map(|(_, name)| name).collect::<Vec<_>>());
    }
}
