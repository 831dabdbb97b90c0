//! What a policy grants to viewers, each asked for once.

use std::collections::HashMap;

use mcp_audit_log_contract::access::{Grant, GrantInternals as _, Right, Viewer};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_sandbox::{Fault, Policy};

/// How many grants are remembered. Later ones are asked for each time.
const REMEMBERED: usize = 100_000;

/// The grants of a policy at one moment, under some settings.
pub struct Grants<'a> {
    policy: &'a Policy,
    settings: &'a Settings,
    now: Timestamp,
    known: HashMap<Viewer, Result<Grant, Fault>>,
}

impl<'a> Grants<'a> {
    /// The grants of `policy` under `settings` at `now`.
    pub fn new(policy: &'a Policy, settings: &'a Settings, now: Timestamp) -> Self {
        Self { policy, settings, now, known: HashMap::new() }
    }

    /// The policy.
    pub(crate) fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// The grant for `viewer`.
    ///
    /// # Errors
    /// The policy fails; the viewer may do nothing.
    pub fn of(&mut self, viewer: &Viewer) -> Result<Grant, Fault> {
        if let Some(grant) = self.known.get(viewer) {
            return grant.clone();
        }
        let grant = self.policy.try_access(self.settings, viewer, self.now);
        if self.known.len() < REMEMBERED {
            self.known.insert(viewer.clone(), grant.clone());
        }
        grant
    }

    /// Whether `viewer` sees `entry`.
    pub fn sees(&mut self, viewer: &Viewer, entry: &Entry) -> bool {
        match self.known.get(viewer) {
            Some(grant) => grant.as_ref().is_ok_and(|grant| sees(grant, entry)),
            None => self.of(viewer).is_ok_and(|grant| sees(&grant, entry)),
        }
    }
}

/// Whether a viewer with this grant sees `entry`: the right to read, and the record rule.
pub(crate) fn sees(grant: &Grant, entry: &Entry) -> bool {
    grant.may(Right::Read) && grant.rule().matches(entry)
}

/// The names of the rights of `grant`, in their order.
pub(crate) fn rights(grant: &Grant) -> Vec<&'static str> {
    Right::names().filter(|(right, _)| grant.may(*right)).map(|(_, name)| name).collect()
}
