//! The functions of a component, by the contract that it exports. All other code uses one contract.

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::mask::Mask;
use mcp_audit_log_model::time::Timestamp;
use wasmtime::component::InstancePre;

use super::bindings as wit;
use super::bindings::extension;
use super::bindings::policy::GuestIndices;
use super::bindings::v0_6;
use super::fault::{Fault, LoadError};
use super::reads::Reads;
use super::sandbox::{CallCost, InstanceLimiter, Sandbox, reason};
use super::to_wit::VerdictLists;
use super::{CONTRACT, CONTRACT_0_6, CONTRACTS, EXTENSION_CONTRACT, Verdict, contract_0_6, to_wit};

/// How many exports a refusal names, and how long each may be.
const NAMED: usize = 8;
const NAME: usize = 100;

/// The role in which a component is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The policy.
    Policy,
    /// A layer over it.
    Extension,
}

/// The functions that a component exports.
pub(super) enum Exports {
    /// A policy with the current contract.
    Policy(GuestIndices),
    /// A policy with the previous contract.
    Policy0_6(v0_6::GuestIndices),
    /// An extension with the current contract.
    Extension(extension::GuestIndices),
}

impl Exports {
    /// Its name.
    pub(super) fn contract(&self) -> &'static str {
        match self {
            Self::Policy(_) => CONTRACT,
            Self::Policy0_6(_) => CONTRACT_0_6,
            Self::Extension(_) => EXTENSION_CONTRACT,
        }
    }

    /// The newest contract for `role` among the exports `names`.
    pub(super) fn find(pre: &InstancePre<InstanceLimiter>, names: Vec<String>, role: Role) -> Result<Self, LoadError> {
        let has = |contract: &str| names.iter().any(|name| name == contract);
        let other = |contract| move |error| LoadError::Interface { contract, reason: reason(&error) };
        let is_policy = CONTRACTS.iter().any(|contract| has(contract));
        if role == Role::Extension && has(EXTENSION_CONTRACT) {
            extension::GuestIndices::new(pre).map(Self::Extension).map_err(other(EXTENSION_CONTRACT))
        } else if role == Role::Extension && is_policy {
            Err(LoadError::NotAnExtension)
        } else if has(EXTENSION_CONTRACT) && !is_policy {
            Err(LoadError::NotAPolicy)
        } else if has(CONTRACT) {
            GuestIndices::new(pre).map(Self::Policy).map_err(other(CONTRACT))
        } else if has(CONTRACT_0_6) {
            v0_6::GuestIndices::new(pre).map(Self::Policy0_6).map_err(other(CONTRACT_0_6))
        } else {
            let names = names.iter().take(NAMED).map(|name| name.chars().take(NAME).collect());
            Err(LoadError::Contract(names.collect()))
        }
    }
}

impl Sandbox {
    /// The policy's manifest, and whether it wants to see the arguments of events.
    pub(super) fn manifest(&self) -> Result<(wit::policy::PolicyManifest, bool), Fault> {
        let call = self.call("manifest", 0, |exports, instance, store| {
            Ok(match exports {
                Exports::Policy(indices) => (indices.load(&mut *store, instance)?.call_manifest(store)?, true),
                Exports::Policy0_6(indices) => {
                    contract_0_6::manifest(indices.load(&mut *store, instance)?.call_manifest(store)?)
                }
                Exports::Extension(_) => return Err(no_policy()),
            })
        });
        call.0
    }

    /// Verdicts, and what they cost.
    pub(super) fn judge(
        &self,
        settings: &Settings,
        events: &[&Event],
        reads: &Reads,
    ) -> (Result<Vec<wit::VerdictResult>, Fault>, CallCost) {
        self.call("judge", events.len(), |exports, instance, store| match exports {
            Exports::Policy(indices) => {
                let settings = to_wit::settings(settings);
                let lists = to_wit::EventLists::of(events, reads);
                let events = lists.events(events, reads);
                indices.load(&mut *store, instance)?.call_judge(store, &settings, &events)
            }
            Exports::Policy0_6(indices) => {
                let settings = contract_0_6::settings(settings);
                let lists = contract_0_6::EventLists::of(events, reads.wants_arguments());
                let events = lists.events(events);
                let verdicts = indices.load(&mut *store, instance)?.call_judge(store, &settings, &events)?;
                Ok(contract_0_6::verdicts(verdicts))
            }
            Exports::Extension(_) => Err(no_policy()),
        })
    }

    /// The grant for a viewer with these groups.
    pub(super) fn access(&self, settings: &Settings, viewer: &Viewer, groups: &[String]) -> Result<wit::Grant, Fault> {
        let groups = to_wit::groups(groups);
        let call = self.call("access", 0, |exports, instance, store| match exports {
            Exports::Policy(indices) => {
                let viewer = to_wit::viewer(viewer, &groups);
                let policy = indices.load(&mut *store, instance)?;
                policy.call_access(store, &to_wit::settings(settings), viewer)
            }
            Exports::Policy0_6(indices) => {
                let viewer = contract_0_6::viewer(viewer, &groups);
                let policy = indices.load(&mut *store, instance)?;
                policy.call_access(store, &contract_0_6::settings(settings), viewer).map(Into::into)
            }
            Exports::Extension(_) => Err(no_policy()),
        });
        call.0
    }

    /// The retention plan.
    pub(super) fn retention(&self, settings: &Settings, now: Timestamp) -> Result<wit::RetentionPlan, Fault> {
        let now = now.as_micros();
        let call = self.call("retention", 0, |exports, instance, store| match exports {
            Exports::Policy(indices) => {
                let policy = indices.load(&mut *store, instance)?;
                policy.call_retention(store, &to_wit::settings(settings), now)
            }
            Exports::Policy0_6(indices) => {
                let policy = indices.load(&mut *store, instance)?;
                policy.call_retention(store, &contract_0_6::settings(settings), now).map(Into::into)
            }
            Exports::Extension(_) => Err(no_policy()),
        });
        call.0
    }

    /// The extension's declarations.
    pub(super) fn declares(&self) -> Result<extension::ExtensionManifest, Fault> {
        let call = self.call("declares", 0, |exports, instance, store| {
            let Exports::Extension(indices) = exports else { return Err(no_extension()) };
            indices.load(&mut *store, instance)?.call_declares(store)
        });
        call.0
    }

    /// The changes that an extension makes to verdicts, and the fuel that it burned.
    pub(super) fn amend(
        &self,
        settings: &Settings,
        events: &[(&Event, &Verdict)],
        reads: &Reads,
        masks: &[Mask],
    ) -> (Result<Vec<extension::Amendment>, Fault>, CallCost) {
        self.call("amend", events.len(), |exports, instance, store| {
            let Exports::Extension(indices) = exports else { return Err(no_extension()) };
            let (events, verdicts): (Vec<_>, Vec<_>) = events.iter().copied().unzip();
            let (lists, of_verdicts) = (to_wit::EventLists::of(&events, reads), VerdictLists::of(&verdicts, masks));
            let (events, verdicts) = (lists.events(&events, reads), of_verdicts.verdicts(&verdicts));
            let extension = indices.load(&mut *store, instance)?;
            extension.call_amend(store, &to_wit::settings(settings), &events, &verdicts)
        })
    }
}

/// The role was checked when it was loaded.
fn no_policy() -> wasmtime::Error {
    wasmtime::Error::msg("an extension has no such function")
}

fn no_extension() -> wasmtime::Error {
    wasmtime::Error::msg("a policy has no such function")
}
