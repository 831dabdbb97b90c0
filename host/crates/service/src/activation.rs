//! Another policy without a restart: `activate` puts one in place of the active one, `rollback` the one before.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::hold;
use mcp_audit_log_contract::judged_by::{JudgedBy, PolicySwap};
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_core::components::Components;
use mcp_audit_log_core::recorder::{ActivePolicy, RecorderControl};
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_sandbox::{Extension, Policy};
use mcp_audit_log_store::Tokens;

use super::{AuditLog, ChangeError};
use crate::judgement::named;

/// The components that are to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRequest {
    /// The policy; `None`: the default one.
    pub policy: Option<Vec<u8>>,
    /// Its extensions, in any order.
    pub extensions: Vec<Vec<u8>>,
    /// The reason; the log records it.
    pub reason: String,
    /// The notes that sign the components, where the log demands signatures.
    pub notes: Vec<Vec<u8>>,
}

impl PolicyRequest {
    fn component(&self) -> &[u8] {
        self.policy.as_deref().unwrap_or(Policy::builtin_component())
    }
}

/// The entries about a swap.
pub(super) const ACTIVATED: &str = "policy.activated";
pub(super) const ROLLED_BACK: &str = "policy.rolled_back";

impl AuditLog {
    /// Puts a policy with its extensions in place of the active one, without a restart. It judges every event behind
    /// the entry about it, and stays active after a restart. Blocks, some tenths of a second for each component that was
    /// not compiled yet.
    ///
    /// Needs the right to configure; where an extension declares a widening, also the right to read payloads, so that
    /// an administrator alone cannot open what is closed to them.
    ///
    /// If half of the first thousand events fail with it, the policy before comes back by itself.
    ///
    /// # Errors
    /// The viewer may not, the policy is refused, it is active already, it would take the right to configure from the
    /// viewer, or it could not be recorded. Then nothing is changed.
    pub fn activate_policy(&self, access: &Grant, wanted: &PolicyRequest) -> Result<PolicySwap, ChangeError> {
        self.allow(access, Right::Configure, ACTIVATED)?;
        let reason = hold::reason(&wanted.reason).map_err(ChangeError::Refused)?;
        let policy = self.loaded(wanted)?;
        let signers = self.signers(&policy, &wanted.notes)?;
        let components = [wanted.component()].into_iter().chain(wanted.extensions.iter().map(Vec::as_slice));
        self.keep(components, &policy)?;
        self.swap(access, (policy, signers), ACTIVATED, &reason)
    }

    /// Loads components to try them: nothing that is recorded is judged by them, and nothing of them is kept. Where the
    /// log demands signatures, they need them too. Needs the right to configure. Blocks, as an activation does.
    ///
    /// # Errors
    /// The viewer may not, or the policy is refused.
    pub fn candidate(&self, access: &Grant, wanted: &PolicyRequest) -> Result<Policy, ChangeError> {
        access.require(Right::Configure)?;
        let policy = self.loaded(wanted)?;
        let trust = self.0.policy_trust.with(wanted.notes.iter().cloned());
        let refused = |error| ChangeError::Refused(format!("The policy is not tried: {error}."));
        trust.signers(&policy).map_err(refused)?;
        Ok(policy.on_trial())
    }

    /// The trusted keys that signed what judges. `None` where the log demands no signature.
    pub fn policy_signers(&self) -> Option<String> {
        let kept = Components::of(&self.view().folder).notes();
        self.0.policy_trust.with(kept).signers(&self.view().policy()).ok().flatten()
    }

    fn loaded(&self, wanted: &PolicyRequest) -> Result<Policy, ChangeError> {
        let policy = self.view().load(wanted.component(), &wanted.extensions);
        policy.map_err(|refusal| ChangeError::Refused(format!("The policy is not loaded: {refusal}.")))
    }

    /// Puts the policy back that judged before the active one, with the settings as they are now. Needs the same rights
    /// as an activation. Blocks.
    ///
    /// # Errors
    /// There was no other policy, its components are missing, or a reason of [`AuditLog::activate_policy`].
    pub fn roll_back_policy(&self, access: &Grant, reason: &str) -> Result<PolicySwap, ChangeError> {
        self.allow(access, Right::Configure, ROLLED_BACK)?;
        let reason = hold::reason(reason).map_err(ChangeError::Refused)?;
        let before = self.judged_before()?.ok_or_else(|| {
            ChangeError::Refused("No other policy judged before in this log; activate one instead.".to_owned())
        })?;
        let loaded = self.view().policy_of(&before);
        let (policy, _) =
            loaded.map_err(|error| ChangeError::Refused(format!("The policy before is lost: {error}.")))?;
        // The floors are those of now, as the settings are.
        let policy = policy.on(&self.view().floors);
        let signers = self.signers(&policy, &[])?;
        self.swap(access, (policy, signers), ROLLED_BACK, &reason)
    }

    /// Who signed the policy, where the log demands signatures. The notes are kept for the next start.
    fn signers(&self, policy: &Policy, notes: &[Vec<u8>]) -> Result<Option<String>, ChangeError> {
        let kept = Components::of(&self.view().folder);
        let trust = self.0.policy_trust.with(kept.notes().into_iter().chain(notes.iter().cloned()));
        let refused =
            |error: &dyn std::fmt::Display| ChangeError::Refused(format!("The policy is not activated: {error}."));
        let signers = trust.signers(policy).map_err(|error| refused(&error))?;
        kept.keep_notes(trust.notes()).map_err(|error| refused(&error))?;
        Ok(signers)
    }

    /// The record of the policy that judged before the active one.
    fn judged_before(&self) -> Result<Option<JudgedBy>, StoreError> {
        let Some(newest) = self.view().judges_now()? else { return Ok(None) };
        let mut since = newest.since;
        while let Some(before) = since.checked_sub(1) {
            let Some(record) = self.view().judged_by(before)? else { return Ok(None) };
            if record.digests() != newest.digests() {
                return Ok(Some(record));
            }
            since = record.since;
        }
        Ok(None)
    }

    /// Makes components durable before they judge.
    fn keep<'a>(&self, components: impl Iterator<Item = &'a [u8]>, policy: &Policy) -> Result<(), ChangeError> {
        let kept = Components::of(&self.view().folder);
        for component in components {
            let refused =
                |error| ChangeError::Refused(format!("The policy cannot be kept in the log's folder: {error}."));
            kept.keep(component).map_err(refused)?;
        }
        self.view().save_compiled(policy);
        Ok(())
    }

    fn swap(
        &self,
        access: &Grant,
        (policy, signers): (Policy, Option<String>),
        deed: &str,
        reason: &str,
    ) -> Result<PolicySwap, ChangeError> {
        let view = self.view();
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let active = view.active.now();
        if policy.stack() == active.policy.stack() {
            return Err(ChangeError::Refused("This policy is active already.".to_owned()));
        }
        let swap = self.difference(&active, &policy)?;
        if !swap.widenings.is_empty() {
            self.allow(access, Right::ReadPayloads, deed)?;
        }
        let settings = Settings::load(&policy.manifest().settings, &view.files.settings()?);
        let viewer = access.viewer();
        let may = policy.access(&settings, viewer, view.now()).map(|grant| grant.may(Right::Configure));
        if may != Ok(true) {
            let why = may.err().map_or_else(String::new, |fault| format!(" ({fault})"));
            let text = "With this policy you would have no right to configure, and could not go back";
            return Err(ChangeError::Refused(format!("{text}{why}; nothing was changed.")));
        }
        let newest = view.judges_now()?;
        let configured = newest.map(|newest| newest.configured.clone().unwrap_or_else(|| named(&newest.digests())));
        let event = facts(&swap, self.by(deed, access), &policy, &active.policy).fact("reason", reason);
        let event = match signers {
            Some(signers) => event.fact("policy_signers", signers),
            None => event,
        };
        let next = ActivePolicy { policy: Arc::new(policy), settings: Arc::new(settings), configured, since: None };
        self.0.recorder.swap(&active, next, event)?;
        Ok(swap)
    }

    fn difference(&self, active: &ActivePolicy, policy: &Policy) -> Result<PolicySwap, ChangeError> {
        let (old, new) = (active.policy.manifest(), policy.manifest());
        let [settings_added, settings_dropped] =
            differences(old, new, |manifest| manifest.settings.iter().map(|field| field.key.clone()).collect());
        let [groups_added, groups_dropped] =
            differences(old, new, |manifest| manifest.groups.iter().map(|group| group.name.clone()).collect());
        let stored = self.view().files.settings()?;
        let settings_back = settings_added.iter().filter(|key| stored.contains_key(*key)).cloned().collect();
        let judged: Vec<_> = active.policy.extensions().into_iter().map(|extension| extension.digest).collect();
        let is_new = |extension: &&Extension| !judged.contains(&extension.digest);
        let extensions = policy.extensions();
        Ok(PolicySwap {
            layers: policy.stack(),
            tokens_gaining: self.tokens_with(&groups_added)?,
            widenings: extensions.iter().filter(is_new).filter_map(Extension::widenings).collect(),
            settings_added,
            settings_dropped,
            settings_back,
            groups_added,
            groups_dropped,
        })
    }

    /// The tokens in the log's folder that have one of `groups`.
    fn tokens_with(&self, groups: &[String]) -> Result<Vec<String>, ChangeError> {
        let Some(tokens) = Tokens::existing(&self.view().folder).filter(|_| !groups.is_empty()) else {
            return Ok(Vec::new());
        };
        let tokens = tokens.list().map_err(ChangeError::Tokens)?.into_iter();
        let gaining = tokens.filter(|token| token.groups.iter().any(|group| groups.contains(group)));
        Ok(gaining.map(|token| format!("{} ({})", token.user, token.connection)).collect())
    }
}

/// What only `new` has, and what only `old` has, in order.
fn differences(old: &Manifest, new: &Manifest, names: fn(&Manifest) -> BTreeSet<String>) -> [Vec<String>; 2] {
    let (old, new) = (names(old), names(new));
    [new.difference(&old).cloned().collect(), old.difference(&new).cloned().collect()]
}

/// Adds what an entry says about a swap.
fn facts(swap: &PolicySwap, event: Event, policy: &Policy, before: &Policy) -> Event {
    let digests = |policy: &Policy| policy.stack().into_iter().map(|layer| layer.digest).collect::<Vec<_>>().join(", ");
    let mut event = event
        .fact("audit_policy", format!("{} {}", policy.manifest().name, policy.manifest().version))
        .fact("policy_digests", digests(policy))
        .fact("before_digests", digests(before));
    let extensions: Vec<_> = policy.extensions().iter().map(Extension::title).collect();
    for (name, list) in [
        ("policy_extensions", &extensions),
        ("settings_added", &swap.settings_added),
        ("settings_dropped", &swap.settings_dropped),
        ("settings_back", &swap.settings_back),
        ("groups_added", &swap.groups_added),
        ("groups_dropped", &swap.groups_dropped),
        ("tokens_gaining", &swap.tokens_gaining),
        ("policy_widenings", &swap.widenings),
    ] {
        if !list.is_empty() {
            event = event.fact(name, list.join(", "));
        }
    }
    event
}
