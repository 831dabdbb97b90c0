//! The policy and the settings that judge at present. They change together, because settings belong to a manifest.

use std::sync::{Arc, PoisonError, RwLock};

use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::settings::{SettingChange, Settings};
use mcp_audit_log_ledger::JudgementRecord;
use mcp_audit_log_model::event::{Channel, Event};
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
    /// The `seq` of the first entry that they judge; `None` where it is not known.
    pub since: Option<u64>,
}

/// What a bundle shows of a record, and what the log's entries name the digest of.
pub fn judgement_record(record: &JudgedBy) -> JudgementRecord {
    JudgementRecord {
        layers: record.digests(),
        settings: record.settings.clone(),
        policy_rules_tenants: record.floors.policy_rules_tenants,
        masks_off: record.floors.masks_off.clone(),
    }
}

/// Adds to an entry of the log what judges from now on, or still does, and since which entry; and what did before, if it
/// was something else. So the entry proves to an outsider what judged others.
pub fn says_what_judges(event: Event, judges: &JudgedBy, before: Option<&JudgedBy>) -> Event {
    let digest = |record: &JudgedBy| judgement_record(record).digest();
    let seq = |since: u64| i64::try_from(since).unwrap_or(i64::MAX);
    let event = event.fact("judgement", digest(judges)).fact("judgement_since", seq(judges.since));
    match before.filter(|before| before.since != judges.since) {
        Some(before) => {
            event.fact("judgement_before", digest(before)).fact("judgement_before_since", seq(before.since))
        }
        None => event,
    }
}

/// The active policy, shared by everything that asks it. Clones are the same.
#[derive(Clone, Debug)]
pub struct SharedPolicy(Arc<RwLock<Arc<ActivePolicy>>>);

impl ActivePolicy {
    /// The record that announces it, for the store, which counts the versions of settings.
    pub fn record(&self) -> JudgedBy {
        JudgedBy {
            layers: self.policy.stack(),
            settings: self.settings.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect(),
            floors: self.policy.floors().clone(),
            configured: self.configured.clone(),
            since: self.since.unwrap_or_default(),
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

    /// The same from this `seq` on, if it is known.
    pub(super) fn from(&self, since: Option<u64>) -> Self {
        Self { since, ..self.clone() }
    }

    /// Adds to an entry of the log that this judges, and what did before. Rather nothing than what may be false.
    pub(super) fn said_in(&self, event: Event, before: Option<&Self>) -> Event {
        if self.since.is_none() || before.is_some_and(|before| before.since.is_none()) {
            return event;
        }
        says_what_judges(event, &self.record(), before.map(Self::record).as_ref())
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

/// Entries that say what judges although nothing changes: a log may go on for months without a change or a stop.
const MILESTONES: [&str; 4] = ["bundle.exported", "log.verified", "retention.completed", "retention.failed"];

pub(super) fn is_milestone(event: &Event) -> bool {
    event.channel == Channel::System && event.method.as_deref().is_some_and(|method| MILESTONES.contains(&method))
}
