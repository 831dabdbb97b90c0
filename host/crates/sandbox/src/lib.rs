//! The policy: a sandboxed component that decides what is recorded, who sees it and how long it is kept.
//!
//! The policy decides, the host enforces. Every fault has a safe direction: an event that could not be judged is
//! recorded as metadata and marked, access that failed is denied, retention that failed deletes nothing. No policy can
//! go below the floors (`floor.rs`, the masks, the recorder's `facts.rs`), whatever it returns.

mod bindings;
mod breaker;
mod contract_0_6;
mod exports;
mod fault;
mod floors;
mod from_wit;
mod health;
mod limits;
mod manifest_check;
mod reads;
mod sandbox;
mod to_wit;
mod verdict_cache;

use std::fmt::Write;
use std::time::Instant;

use sha2::{Digest, Sha256};

pub use fault::{Fault, FaultKind, LoadError};
pub use health::{Health, PolicyFailure};
pub use limits::Limits;
pub use mcp_audit_log_contract::plan::Plan;

use self::breaker::Breaker;
use self::from_wit::FromWit;
use self::reads::Reads;
use self::sandbox::Sandbox;
use self::verdict_cache::{Key, VerdictCache, write_key};
use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_model::mask::Masks;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// What a policy exports, with the version of the contract: wit/policy.wit.
pub const CONTRACT: &str = "mcp-audit-log:policy/policy@0.7.0";

/// The contract before, which is loaded as well: wit/0.6/policy.wit.
const CONTRACT_0_6: &str = "mcp-audit-log:policy/policy@0.6.0";

/// What a policy may export, newest first.
pub const CONTRACTS: [&str; 2] = [CONTRACT, CONTRACT_0_6];

/// The default policy as build.rs built it from guest/.
const DEFAULT: &[u8] = include_bytes!(env!("MCP_AUDIT_LOG_DEFAULT_POLICY"));

/// The cost of an unusable result, in units of fuel.
const BAD_RESULT_FUEL: u64 = 10_000_000;

/// A loaded policy.
pub struct Policy {
    sandbox: Sandbox,
    limits: Limits,
    manifest: Manifest,
    /// What of an event the policy is given.
    reads: Reads,
    digest: String,
    breaker: Breaker,
    cache: VerdictCache,
    health: Health,
    masks: Masks,
    /// Whether the policy alone keeps tenants apart.
    rules_tenants: bool,
}

/// The judgement of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `<resource>.<verb>`.
    pub action: String,
    /// The resource that the action affects.
    pub affected: Option<Affected>,
    /// The business model.
    pub model: Option<String>,
    /// The business record.
    pub record_id: Option<String>,
    /// Extracted facts.
    pub facts: Vec<(String, Value)>,
    /// Old and new.
    pub changes: Vec<Change>,
    /// How the payload is kept; `None`: not at all.
    pub keep: Option<Keep>,
}

/// The resource that an action affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// What kind of thing.
    pub kind: String,
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// One line of a change list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What changed.
    pub field: String,
    /// What it was.
    pub old: Value,
    /// What it became.
    pub new: Value,
}

/// How a payload is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Indexes into the manifest's masks.
    pub masks: Vec<usize>,
    /// The longest body, in bytes.
    pub max_bytes: usize,
}

/// The floors that the operator's file turns off. By default none: see [`crate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floors {
    /// The policy alone keeps tenants apart.
    pub policy_rules_tenants: bool,
    /// Names of the host's own masks that do not go over what is kept.
    pub masks_off: Vec<String>,
}

impl Policy {
    /// Loads a component and checks its manifest.
    ///
    /// # Errors
    /// It is no component, imports something, does not keep the contract, or declares what makes no sense.
    pub fn load(component: &[u8], limits: Limits, now: Timestamp) -> Result<Self, LoadError> {
        let sandbox = Sandbox::compile(component, limits)?;
        let (declared, wants_arguments) = sandbox.manifest()?;
        let manifest = manifest_check::manifest(FromWit { function: "manifest", limits }, declared, now)?;
        let reads = Reads::new(manifest.depends.clone(), wants_arguments);
        let digest = Sha256::digest(component).iter().fold(String::from("sha256:"), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let (breaker, health) = (Breaker::default(), Health::default());
        let cache = VerdictCache::new(limits.verdict_cache_bytes);
        let masks = Masks::new(&[], &manifest.masks);
        Ok(Self { sandbox, limits, manifest, reads, digest, breaker, cache, health, masks, rules_tenants: false })
    }

    /// The same with the floors that the operator lowered.
    pub fn on(self, floors: &Floors) -> Self {
        let masks = Masks::new(&floors.masks_off, &self.manifest.masks);
        Self { masks, rules_tenants: floors.policy_rules_tenants, ..self }
    }

    /// The default policy.
    ///
    /// # Errors
    /// Never in a build whose tests pass.
    pub fn builtin(limits: Limits, now: Timestamp) -> Result<Self, LoadError> {
        Self::load(DEFAULT, limits, now)
    }

    /// Its declarations.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the component, as `sha256:` and hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its name, its version and its digest, for people.
    pub fn title(&self) -> String {
        format!("{} {} ({})", self.manifest.name, self.manifest.version, self.digest)
    }

    /// The masks that apply, whatever the policy decides.
    #[doc(hidden)]
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// Its health.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Judges events, one result each. An event with the values of an earlier one gets its verdict again, without a call.
    /// After a fault the batch is halved, until only the events that cause it are marked. A policy that burns its fuel
    /// and fails is not called for a while.
    pub fn judge(&self, settings: &Settings, events: &[Event]) -> Vec<Result<Verdict, Fault>> {
        let (mut found, asked) = self.remembered(settings, events);
        let mut answers = Vec::with_capacity(asked.len());
        let (asked, keys): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        for batch in asked.chunks(self.limits.batch_events.max(1)) {
            self.judge_halving(settings, batch, &mut answers);
        }
        self.remember(settings, keys, &answers);
        self.health.reused(found.iter().flatten().count(), asked.len());
        let mut answers = answers.into_iter();
        let verdicts =
            found.iter_mut().map(|found| found.take().map_or_else(|| answers.next(), |verdict| Some(Ok(verdict))));
        let missing = || Err(Fault::result("judge", "the event was not judged"));
        let verdicts: Vec<_> = verdicts.map(|verdict| verdict.unwrap_or_else(missing)).collect();
        self.health.judged(verdicts.iter());
        verdicts
    }

    /// The verdicts that are remembered, and the other events, each with the key to remember its verdict by.
    #[expect(clippy::type_complexity, reason = "two lists, for the function above alone")]
    fn remembered<'a>(
        &self,
        settings: &Settings,
        events: &'a [Event],
    ) -> (Vec<Option<Verdict>>, Vec<(&'a Event, Option<Key>)>) {
        let (mut found, mut asked) = (Vec::with_capacity(events.len()), Vec::new());
        if self.cache.is_off() {
            return (events.iter().map(|_| None).collect(), events.iter().map(|event| (event, None)).collect());
        }
        let mut cache = self.cache.open(settings);
        let mut key = Vec::new();
        for event in events {
            let depends = self.manifest.depends.of(event.channel);
            let has_key = depends.is_some_and(|depends| write_key(&mut key, depends, event));
            let verdict = if has_key { cache.get(&key) } else { None };
            if verdict.is_none() {
                asked.push((event, has_key.then(|| Key::from(key.as_slice()))));
            }
            found.push(verdict);
        }
        (found, asked)
    }

    fn remember(&self, settings: &Settings, keys: Vec<Option<Key>>, answers: &[Result<Verdict, Fault>]) {
        if keys.iter().all(Option::is_none) {
            return;
        }
        let mut cache = self.cache.open(settings);
        for (key, answer) in keys.into_iter().zip(answers) {
            if let (Some(key), Ok(verdict)) = (key, answer) {
                cache.put(key, verdict);
            }
        }
    }

    fn judge_halving(&self, settings: &Settings, events: &[&Event], verdicts: &mut Vec<Result<Verdict, Fault>>) {
        if self.breaker.rests(Instant::now()) {
            verdicts.extend(events.iter().map(|_| Err(Fault::resting())));
            return;
        }
        let (batch, fuel) = self.judge_batch(settings, events);
        self.health.burned(fuel);
        match batch {
            Ok(batch) => {
                self.breaker.judged(batch.len());
                verdicts.extend(batch.into_iter().map(Ok));
            }
            Err(fault) if events.len() <= 1 => {
                self.breaker.failed(fuel, Instant::now());
                verdicts.extend(events.iter().map(|_| Err(fault.clone())));
            }
            Err(_) => {
                self.breaker.failed(fuel, Instant::now());
                let (left, right) = events.split_at(events.len() / 2);
                self.judge_halving(settings, left, verdicts);
                self.judge_halving(settings, right, verdicts);
            }
        }
    }

    /// The verdicts of one call, and the fuel that it burned.
    fn judge_batch(&self, settings: &Settings, events: &[&Event]) -> (Result<Vec<Verdict>, Fault>, u64) {
        let (verdicts, fuel) = self.sandbox.judge(settings, events, &self.reads);
        let lift = FromWit { function: "judge", limits: self.limits };
        let lifted = verdicts.and_then(|verdicts| lift.verdicts(verdicts, events.len(), &self.manifest));
        // Reading a result costs the host time, which is not fuel.
        let handed_back = |fault: &Fault| matches!(fault.kind, FaultKind::Result | FaultKind::Memory);
        let more = if lifted.as_ref().is_err_and(handed_back) { BAD_RESULT_FUEL } else { 0 };
        (lifted, fuel.saturating_add(more))
    }

    /// What `viewer` may do: the policy's answer, narrowed to the viewer's tenant.
    ///
    /// # Errors
    /// The policy failed; the caller must deny.
    pub fn access(&self, settings: &Settings, viewer: &Viewer, now: Timestamp) -> Result<Grant, Fault> {
        let grant = self.sandbox.access(settings, viewer, &viewer.groups);
        let lift = FromWit { function: "access", limits: self.limits };
        let access = grant.and_then(|grant| lift.grant(grant, viewer, now));
        self.health.called("access", &access);
        access.map(|access| floors::access(access, self.rules_tenants))
    }

    /// What may be deleted at `now`: the policy's plan, and nothing earlier than the settings allow.
    ///
    /// # Errors
    /// The policy failed; the caller must delete nothing.
    pub fn retention(&self, settings: &Settings, now: Timestamp) -> Result<Plan, Fault> {
        let plan = self.sandbox.retention(settings, now);
        let plan = plan.and_then(|plan| FromWit { function: "retention", limits: self.limits }.plan(plan, now));
        self.health.called("retention", &plan);
        plan.map(|plan| floors::plan(plan, settings, now))
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.manifest.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
