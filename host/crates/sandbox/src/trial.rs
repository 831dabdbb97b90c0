//! Calls for trying a policy out: nothing is remembered, nothing rests, and each call is measured.

use std::collections::BTreeSet;

use mcp_audit_log_contract::access::{Grant, GrantInternals as _, Right, Viewer};
use mcp_audit_log_contract::depends::Dependencies;
use mcp_audit_log_contract::extension::ExtensionManifest;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::event::{Channel, Event};
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::time::Timestamp;

use super::breaker::Breaker;
use super::fault::Fault;
use super::from_wit::FromWit;
use super::judge::layer_depends;
use super::sandbox::CallCost;
use super::stack::{access, amend, interest};
use super::verdict_cache::VerdictCache;
use super::{LayerFault, Plan, Policy, Verdict, floors};

/// The longest name of an unknown right that is shown, in bytes.
const NAME: usize = 80;

/// What one batch of events was judged as.
#[derive(Clone, Debug)]
pub struct Trial {
    /// A verdict for each event, or the first fault.
    pub verdicts: Result<Vec<Verdict>, LayerFault>,
    /// What the call of the policy cost, and then that of each extension, from the bottom up; `None` where it was not
    /// asked.
    pub costs: Vec<Option<CallCost>>,
}

/// What a policy and its extensions grant by themselves, before the host's floors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnGrant {
    /// The rights.
    pub rights: BTreeSet<Right>,
    /// Names of rights that this host does not have; they give nothing.
    pub unknown: Vec<String>,
    /// The entries.
    pub rule: Domain,
    /// The requests that figures count.
    pub usage_rule: Domain,
}

impl Policy {
    /// The same for a trial: its faults are counted, and not reported on standard error as those of what judges.
    pub fn on_trial(mut self) -> Self {
        self.health.be_quiet();
        self
    }

    /// The same, whose faults have the message of a panic, as far as the component leaves one in its memory. A message may
    /// quote an event, so a log never uses this.
    pub fn showing_panics(mut self) -> Self {
        self.sandbox.show_panics();
        self.layers.iter_mut().for_each(|layer| layer.sandbox.show_panics());
        self
    }

    /// The same, which is asked about every event anew, however many it failed on before: two runs over the same events
    /// give the same verdicts. The caller bounds how often a policy may burn its fuel.
    pub fn never_resting(mut self) -> Self {
        self.cache = VerdictCache::new(0);
        self.breaker = Breaker::never();
        self.layers.iter_mut().for_each(|layer| layer.breaker = Breaker::never());
        self
    }

    /// Judges all events in one call of the policy, and one of each of its first `layers` extensions. Beside what they
    /// declare to read, they are passed `more` of each event.
    pub fn try_judge(&self, settings: &Settings, events: &[&Event], more: &Dependencies, layers: usize) -> Trial {
        let (verdicts, cost) = self.sandbox.judge(settings, events, &self.reads.with(more));
        let mut costs = vec![Some(cost)];
        let lift = FromWit { function: "judge", limits: self.limits };
        let verdicts = verdicts.and_then(|verdicts| lift.verdicts(verdicts, events.len(), &self.manifest));
        let verdicts = verdicts.map_err(|fault| LayerFault {
            layer: self.manifest.name.clone(),
            digest: self.digest.clone(),
            fault,
        });
        let verdicts =
            verdicts.and_then(|verdicts| self.try_amend(settings, (events, verdicts), more, layers, &mut costs));
        Trial { verdicts, costs }
    }

    fn try_amend(
        &self,
        settings: &Settings,
        (events, mut verdicts): (&[&Event], Vec<Verdict>),
        more: &Dependencies,
        layers: usize,
        costs: &mut Vec<Option<CallCost>>,
    ) -> Result<Vec<Verdict>, LayerFault> {
        for layer in self.layers.iter().take(layers) {
            let is_asked =
                |(event, verdict): &(&Event, &Verdict)| interest::holds(&layer.manifest.interest, event, verdict);
            let pairs = || events.iter().copied().zip(&verdicts);
            let asked: Vec<_> = pairs().map(|pair| is_asked(&pair)).collect();
            let seen: Vec<_> = pairs().filter(is_asked).collect();
            if seen.is_empty() {
                costs.push(None);
                continue;
            }
            let lift = FromWit { function: "amend", limits: self.limits };
            let (amendments, cost) =
                layer.sandbox.amend(settings, &seen, &layer.reads.with(more), &self.manifest.masks);
            costs.push(Some(cost));
            let amendments = amendments.and_then(|amendments| lift.amendments(amendments, seen.len(), &self.manifest));
            let mut amendments = amendments
                .map_err(|fault| LayerFault {
                    layer: layer.manifest.name.clone(),
                    digest: layer.digest.clone(),
                    fault,
                })?
                .into_iter();
            let slots = verdicts.iter_mut().zip(events).zip(asked).filter(|(_, asked)| *asked);
            for ((verdict, event), _) in slots {
                if let Some(amendment) = amendments.next().flatten() {
                    amend::apply(amendment, &layer.manifest, verdict, event);
                }
            }
        }
        Ok(verdicts)
    }

    /// The grant for `viewer` as [`Policy::access`] gives it, under the floors. It does not count for the policy's health:
    /// a viewer who is only asked about must not make the log unready.
    ///
    /// # Errors
    /// The policy failed.
    pub fn try_access(&self, settings: &Settings, viewer: &Viewer, now: Timestamp) -> Result<Grant, Fault> {
        let held = self.held(viewer);
        let grant = self.sandbox.access(settings, viewer, &held)?;
        Ok(floors::access(self.amended(grant, &held, viewer, now)?, self.floors.policy_rules_tenants))
    }

    /// What the policy and its extensions grant by themselves.
    ///
    /// # Errors
    /// The policy failed.
    pub fn own_access(&self, settings: &Settings, viewer: &Viewer, now: Timestamp) -> Result<OwnGrant, Fault> {
        let held = self.held(viewer);
        let grant = self.sandbox.access(settings, viewer, &held)?;
        let unknown = grant.rights.iter().filter(|name| Right::parse(name).is_none());
        let unknown = unknown.map(|name| prefix(name, NAME).to_owned()).collect();
        let grant = self.amended(grant, &held, viewer, now)?;
        let rights = Right::names().map(|(right, _)| right).filter(|right| grant.may(*right)).collect();
        Ok(OwnGrant { rights, unknown, rule: grant.rule().clone(), usage_rule: grant.usage_rule().clone() })
    }

    /// What the policy and its extensions plan to delete by themselves.
    ///
    /// # Errors
    /// The policy failed.
    pub fn own_retention(&self, settings: &Settings, now: Timestamp) -> Result<Plan, Fault> {
        let plan = self.sandbox.retention(settings, now)?;
        let plan = FromWit { function: "retention", limits: self.limits }.plan(plan, now)?;
        let keeping: Vec<_> = self.layers.iter().map(|layer| layer.manifest.keeping).collect();
        Ok(access::kept(plan, &keeping, now))
    }

    /// What the verdict of the policy and its first `layers` extensions on an event of `channel` may depend on; `None`
    /// where one of them declares nothing about the channel.
    pub fn declared(&self, channel: Channel, layers: usize) -> Option<Dependencies> {
        let own = self.manifest.depends.of(channel)?.clone();
        self.layers.iter().take(layers).try_fold(own, |all, layer| Some(all.union(&layer_depends(layer, channel)?)))
    }

    /// What the extensions declare, from the bottom up.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &ExtensionManifest> {
        self.layers.iter().map(|layer| &layer.manifest)
    }

    /// The contract that the policy was built against.
    pub fn contract(&self) -> &'static str {
        self.sandbox.contract()
    }

    /// The size of the policy's component, in bytes.
    pub fn component_bytes(&self) -> usize {
        self.bytes
    }
}
