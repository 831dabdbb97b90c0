//! The policy and the settings that judge at present. They change together, because settings belong to a manifest.

use std::sync::{Arc, PoisonError, RwLock};

use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::settings::{SettingChange, Settings};
use mcp_audit_log_sandbox::Policy;

/// A policy and the settings by which it judges.
#[derive(Clone, Debug)]
pub struct ActivePolicy {
    /// The policy with its extensions.
    pub policy: Arc<Policy>,
    /// The settings that it declares.
    pub settings: Arc<Settings>,
    /// See [`JudgedBy::configured`].
    pub configured: Option<Vec<String>>,
}

/// The active policy, shared by everything that asks it. Clones are the same.
#[derive(Clone, Debug)]
pub struct SharedPolicy(Arc<RwLock<Arc<ActivePolicy>>>);

impl ActivePolicy {
    /// The record that announces it, for the store.
    pub fn record(&self) -> JudgedBy {
        JudgedBy {
            layers: self.policy.stack(),
            settings: self.settings.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect(),
            configured: self.configured.clone(),
            ..JudgedBy::default()
        }
    }

    /// The same policy with those of the changes that its declarations allow.
    pub(super) fn with_allowed(&self, changes: &[SettingChange]) -> Self {
        let fields = &self.policy.manifest().settings;
        let is_allowed = |change: &&SettingChange| {
            fields.iter().any(|field| field.key == change.key && field.check(&change.new).is_ok())
        };
        let changes: Vec<_> = changes.iter().filter(is_allowed).cloned().collect();
        self.with(&changes)
    }

    /// The same policy with changed settings.
    pub(super) fn with(&self, changes: &[SettingChange]) -> Self {
        Self { settings: Arc::new(self.settings.with(changes)), ..self.clone() }
    }
}

impl SharedPolicy {
    /// Begins with `active`.
    pub fn new(active: ActivePolicy) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(active))))
    }

    /// What is active now.
    pub fn now(&self) -> Arc<ActivePolicy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in its place.
    pub(super) fn set(&self, next: Arc<ActivePolicy>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}
