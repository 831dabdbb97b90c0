//! The first entry of a start: what the log is, what judges, and what is unusual about this start.

use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_core::recorder::{RecorderControl, StateChange, says_what_judges};
use mcp_audit_log_core::signer::Resume;
use mcp_audit_log_index::Inventory;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_sandbox::{Extension, Floors};
use mcp_audit_log_store::Upgraded;

use super::AuditLog;
use super::backup::RestoredFrom;
use crate::OpenError;

/// The facts that the first entry of a start reports.
pub(super) struct StartFacts {
    /// Whether the last stop was clean; `None` for a log without entries.
    pub(super) clean: Option<bool>,
    pub(super) resume: Option<Resume>,
    pub(super) floors: Floors,
    /// Whether the log has entries whose sessions and digests use an earlier key.
    pub(super) lost_secret: bool,
    /// Who signed the policy, where signatures are demanded.
    pub(super) policy_signers: Option<String>,
    /// What judges from now on.
    pub(super) judges: JudgedBy,
    /// What judged before.
    pub(super) judged_before: Option<JudgedBy>,
    /// The backup that was restored since the last start.
    pub(super) restored: Option<RestoredFrom>,
    /// The upgrade from an older format since the last start.
    pub(super) upgraded: Option<Upgraded>,
    /// Where entries go besides.
    pub(super) sinks: Vec<String>,
}

impl AuditLog {
    /// The first entry of this start, stored with its changes: new keys, the first checkpoint of a new log, and the
    /// ends of calls that the last run left open.
    pub(super) fn record_start(&self, start: &StartFacts) -> Result<(), OpenError> {
        let StartFacts { clean, resume, floors, lost_secret, policy_signers, judges, judged_before, .. } = start;
        let StartFacts { restored, upgraded, sinks, .. } = start;
        let manifest = self.view().manifest();
        let mut event = self.0.event("log.started").fact("version", env!("CARGO_PKG_VERSION"));
        event = event
            .fact("audit_policy", format!("{} {}", manifest.name, manifest.version))
            .fact("policy_digest", self.view().policy_digest());
        let extensions = self.view().policy_extensions();
        if !extensions.is_empty() {
            let titles: Vec<_> = extensions.iter().map(Extension::title).collect();
            event = event.fact("policy_extensions", titles.join(", "));
        }
        let widenings: Vec<_> = extensions.iter().filter_map(Extension::widenings).collect();
        if !widenings.is_empty() {
            event = event.fact("policy_widenings", widenings.join(", "));
        }
        if let Some(signers) = policy_signers {
            event = event.fact("policy_signers", signers.as_str());
        }
        if floors.policy_rules_tenants {
            event = event.fact("policy_rules_tenants", true);
        }
        if !floors.masks_off.is_empty() {
            event = event.fact("masks_off", floors.masks_off.join(", "));
        }
        if !sinks.is_empty() {
            event = event.fact("sinks", sinks.join("; "));
        }
        event = says_what_judges(event, judges, judged_before.as_ref());
        if let Some(clean) = *clean {
            event = event.fact("last_stop_clean", clean);
        }
        if *lost_secret {
            tracing::warn!(
                "secret.key was missing, so the log created a new one: older digests, session names and cursors no longer \
                 match; if you have the old file, stop the log and restore it"
            );
            event = event.fact("secret_key_replaced", true);
        }
        if let Some(restored) = restored {
            event = event.fact("restored_from", restored.made_at.to_string());
            event = event.fact("restored_size", i64::try_from(restored.size).unwrap_or(i64::MAX));
        }
        if let Some(upgraded) = upgraded {
            event = event.fact("upgraded_from_format", upgraded.from_format);
            event = event.fact("old_file", upgraded.old_file.as_str());
        }
        let (checkpoints, mut events) = self.beginnings()?;
        let inventory = self.0.view.files.inventory()?.after(&checkpoints);
        events.insert(0, counted(event.fact("origin", self.origin()), &inventory));
        events.extend(resume.as_ref().map(|resume| self.resumed(resume)));
        if *clean == Some(false) {
            events.extend(self.unfinished_calls()?);
        }
        self.0.recorder.change(StateChange { checkpoints, ..StateChange::default() }, events)?;
        if restored.is_some() {
            RestoredFrom::reported(&self.view().folder);
        }
        if upgraded.is_some() {
            Upgraded::reported(&self.view().folder);
        }
        Ok(())
    }
}

/// Adds the current number of checkpoints and keys.
pub(super) fn counted(event: Event, inventory: &Inventory) -> Event {
    event
        .fact("checkpoint", i64::try_from(inventory.newest).unwrap_or(i64::MAX))
        .fact("checkpoint_digest", inventory.archived.to_string())
        .fact("key_digest", inventory.key_digest())
}
