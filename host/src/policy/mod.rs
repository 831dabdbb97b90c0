//! The policy: a sandboxed component that decides what is recorded, who sees it and what is kept.
//!
//! Policy decides, host enforces. Every way of failing has a direction that is safe: an event whose judgement failed is
//! recorded as metadata and marked, access that failed is denied, retention that failed deletes nothing.

mod bindings;
mod declare;
mod fault;
mod lift;
mod limits;
mod lower;
mod sandbox;

use std::fmt::Write;

use sha2::{Digest, Sha256};

pub use fault::{Fault, FaultKind, LoadError};
pub use limits::Limits;

use self::lift::Lift;
use self::sandbox::Sandbox;
use crate::access::{Access, Viewer};
use crate::event::Event;
use crate::manifest::Manifest;
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::value::Value;

/// The default policy as host/build.rs built it from guest/.
const DEFAULT: &[u8] = include_bytes!(env!("MCP_AUDIT_DEFAULT_POLICY"));

/// A loaded policy.
pub struct Policy {
    sandbox: Sandbox,
    limits: Limits,
    manifest: Manifest,
    digest: String,
}

/// The judgement of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `<resource>.<verb>`.
    pub action: String,
    /// What it was done to.
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

/// What an event was done to.
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

/// What may be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Entries recorded before this.
    pub entries_before: Option<Timestamp>,
    /// Payloads of entries recorded before this.
    pub payloads_before: Option<Timestamp>,
    /// Usage of what was recorded before this, where its entries are gone.
    pub usage_before: Option<Timestamp>,
}

impl Policy {
    /// Loads a component and checks its manifest.
    ///
    /// # Errors
    /// It is no component, imports something, does not keep the contract, or declares what makes no sense.
    pub fn load(component: &[u8], limits: Limits, now: Timestamp) -> Result<Self, LoadError> {
        let sandbox = Sandbox::compile(component, limits)?;
        let declared = sandbox.call("manifest", 0, |guest, store| guest.call_manifest(store))?;
        let manifest = declare::manifest(Lift { function: "manifest", limits }, declared, now)?;
        let digest = Sha256::digest(component).iter().fold(String::from("sha256:"), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Ok(Self { sandbox, limits, manifest, digest })
    }

    /// The default policy.
    ///
    /// # Errors
    /// Never in a build whose tests have passed.
    pub fn builtin(limits: Limits, now: Timestamp) -> Result<Self, LoadError> {
        Self::load(DEFAULT, limits, now)
    }

    /// What it declares.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the component, as `sha256:` and hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Judges events, one result each. After a fault the batch is halved, until only the events that cause it are
    /// marked with it.
    pub fn judge(&self, settings: &Settings, events: &[Event]) -> Vec<Result<Verdict, Fault>> {
        let settings = lower::settings(settings);
        let mut verdicts = Vec::with_capacity(events.len());
        for batch in events.chunks(self.limits.batch_events.max(1)) {
            self.judge_halving(&settings, batch, &mut verdicts);
        }
        verdicts
    }

    fn judge_halving(
        &self,
        settings: &[bindings::Setting<'_>],
        events: &[Event],
        verdicts: &mut Vec<Result<Verdict, Fault>>,
    ) {
        match self.judge_batch(settings, events) {
            Ok(batch) => verdicts.extend(batch.into_iter().map(Ok)),
            Err(fault) if events.len() <= 1 => verdicts.extend(events.iter().map(|_| Err(fault.clone()))),
            Err(_) => {
                let (left, right) = events.split_at(events.len() / 2);
                self.judge_halving(settings, left, verdicts);
                self.judge_halving(settings, right, verdicts);
            }
        }
    }

    fn judge_batch(&self, settings: &[bindings::Setting<'_>], events: &[Event]) -> Result<Vec<Verdict>, Fault> {
        let lists = lower::Lists::of(events, self.manifest.reads_arguments);
        let lowered = lists.events(events);
        let verdicts =
            self.sandbox.call("judge", events.len(), |guest, store| guest.call_judge(store, settings, &lowered))?;
        Lift { function: "judge", limits: self.limits }.verdicts(verdicts, events.len(), &self.manifest)
    }

    /// What `viewer` may do.
    ///
    /// # Errors
    /// The policy failed; the caller must deny.
    pub fn access(&self, settings: &Settings, viewer: &Viewer, now: Timestamp) -> Result<Access, Fault> {
        let (settings, groups) = (lower::settings(settings), lower::groups(viewer));
        let who = lower::viewer(viewer, &groups);
        let grant = self.sandbox.call("access", 0, |guest, store| guest.call_access(store, &settings, who))?;
        Lift { function: "access", limits: self.limits }.grant(grant, viewer, now)
    }

    /// What may be deleted at `now`.
    ///
    /// # Errors
    /// The policy failed; the caller must delete nothing.
    pub fn retention(&self, settings: &Settings, now: Timestamp) -> Result<Plan, Fault> {
        let settings = lower::settings(settings);
        let plan = self
            .sandbox
            .call("retention", 0, |guest, store| guest.call_retention(store, &settings, now.as_micros()))?;
        Lift { function: "retention", limits: self.limits }.plan(plan, now)
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
