//! The policy: a sandboxed component that decides what is recorded, who sees it and how long it is kept.
//!
//! The policy decides, the host enforces. Every fault has a safe direction: an event that could not be judged is
//! recorded as metadata and marked, access that failed is denied, retention that failed deletes nothing. No policy can
//! go below the floors (`floors.rs`, the masks, the recorder's `facts.rs`), whatever it returns.

mod bindings;
mod breaker;
mod compiled;
mod contract_0_6;
mod exports;
mod fault;
mod floors;
mod from_wit;
mod health;
mod imports;
mod judge;
mod limits;
mod loader;
mod manifest_check;
mod panic_message;
mod reads;
mod sandbox;
mod source;
mod stack;
mod symbol;
mod to_wit;
mod trial;
mod verdict_cache;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};

pub use compiled::CompiledCache;
pub use fault::{Fault, FaultKind, LoadError};
pub use floors::HOST_FACTS;
pub use health::{Health, PolicyFailure};
pub use limits::Limits;
pub use loader::PolicyLoader;
pub use mcp_audit_log_contract::judged_by::Floors;
pub use mcp_audit_log_contract::plan::Plan;
pub use sandbox::CallCost;
pub use source::ComponentSource;
pub use stack::Extension;
pub use trial::{OwnGrant, Trial};

use self::bindings as wit;
use self::breaker::Breaker;
use self::from_wit::FromWit;
use self::judge::Memory;
use self::reads::Reads;
use self::sandbox::Sandbox;
use self::stack::Layer;
use self::verdict_cache::VerdictCache;
use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_contract::judged_by::JudgingLayer;
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::mask::Masks;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// The interface that a policy exports, with the version of the contract: wit/policy.wit.
pub const CONTRACT: &str = "mcp-audit-log:policy/policy@0.7.0";

/// The contract before, which is loaded as well: wit/0.6/policy.wit.
const CONTRACT_0_6: &str = "mcp-audit-log:policy/policy@0.6.0";

/// The interface that an extension exports.
pub const EXTENSION_CONTRACT: &str = "mcp-audit-log:policy/extension@0.7.0";

/// The interfaces that a policy may export, newest first.
pub const CONTRACTS: [&str; 2] = [CONTRACT, CONTRACT_0_6];

/// The default policy as build.rs built it from guest/.
const DEFAULT: &[u8] = include_bytes!(env!("MCP_AUDIT_LOG_DEFAULT_POLICY"));

/// The policy that reads its declarations from its own bytes, as build.rs built it from guest/declared.
#[doc(hidden)]
pub const DECLARED_POLICY: &[u8] = include_bytes!(env!("MCP_AUDIT_LOG_DECLARED_POLICY"));

/// The extension that does so.
#[doc(hidden)]
pub const DECLARED_EXTENSION: &[u8] = include_bytes!(env!("MCP_AUDIT_LOG_DECLARED_EXTENSION"));

/// A loaded policy.
pub struct Policy {
    sandbox: Sandbox,
    limits: Limits,
    /// The merged declarations of the policy and its extensions.
    manifest: Arc<Manifest>,
    /// The extensions, from the bottom up.
    layers: Vec<Layer>,
    /// The overrides by extensions, in sentences.
    overrides: Vec<String>,
    /// The parts of an event that the policy is given.
    reads: Reads,
    digest: String,
    /// The size of the component, in bytes.
    bytes: usize,
    breaker: Breaker,
    cache: VerdictCache,
    /// By channel, how far up verdicts are remembered and by what.
    memory: Memory,
    health: Health,
    masks: Masks,
    /// The floors that are off below it.
    floors: Floors,
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
    /// The extensions that failed on this event. Each lost its own say, and the payload is not kept.
    pub faults: Vec<LayerFault>,
}

/// The fault of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFault {
    /// The extension's name.
    pub layer: String,
    /// The digest of its component.
    pub digest: String,
    /// The fault.
    pub fault: Fault,
}

/// The resource that an action affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The kind of object.
    pub kind: String,
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// One line of a change list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name of the changed field.
    pub field: String,
    /// The old value.
    pub old: Value,
    /// The new value.
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

impl Policy {
    /// Loads a component and checks its manifest.
    ///
    /// # Errors
    /// The file is not a component, imports something, breaks the contract, or has an invalid declaration.
    pub fn load(component: &[u8], limits: Limits, now: Timestamp) -> Result<Self, LoadError> {
        PolicyLoader { limits, now, cache: None }.policy(&ComponentSource::new(component.to_vec()))
    }

    /// The same policy with extensions over it. The extensions' needs and names decide their order, not the order of
    /// the list.
    ///
    /// # Errors
    /// An extension cannot be loaded, or the extensions do not fit together.
    pub fn extended(self, components: &[Vec<u8>], now: Timestamp) -> Result<Self, LoadError> {
        let components: Vec<_> = components.iter().cloned().map(ComponentSource::new).collect();
        PolicyLoader { limits: self.limits, now, cache: None }.extended(self, &components)
    }

    /// The same with the floors that the operator lowered.
    pub fn on(self, floors: &Floors) -> Self {
        let masks = Masks::new(&floors.masks_off, &self.manifest.masks);
        Self { masks, floors: floors.clone(), ..self }
    }

    /// The floors that are off below it.
    pub fn floors(&self) -> &Floors {
        &self.floors
    }

    /// The default policy.
    ///
    /// # Errors
    /// Never in a build whose tests pass.
    pub fn builtin(limits: Limits, now: Timestamp) -> Result<Self, LoadError> {
        Self::load(DEFAULT, limits, now)
    }

    /// Whether it is the default policy, which is part of the program.
    pub fn is_builtin(&self) -> bool {
        self.digest == digest(DEFAULT)
    }

    /// Its declarations.
    pub fn manifest(&self) -> &Arc<Manifest> {
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

    /// The component of the default policy.
    pub fn builtin_component() -> &'static [u8] {
        DEFAULT
    }

    /// The components that judge: the policy, and then its extensions from the bottom up.
    pub fn stack(&self) -> Vec<JudgingLayer> {
        let layer = |digest: &str, name: &str, version: &str, sandbox: &Sandbox| JudgingLayer {
            digest: digest.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            contract: sandbox.contract().to_owned(),
        };
        let Self { sandbox, manifest, digest, .. } = self;
        let mut stack = vec![layer(digest, &manifest.name, &manifest.version, sandbox)];
        stack.extend(
            self.layers
                .iter()
                .map(|above| layer(&above.digest, &above.manifest.name, &above.manifest.version, &above.sandbox)),
        );
        stack
    }

    /// The extensions over it, from the bottom up.
    pub fn extensions(&self) -> Vec<Extension> {
        self.layers.iter().map(Layer::shown).collect()
    }

    /// The overrides by extensions, in sentences.
    pub fn overrides(&self) -> &[String] {
        &self.overrides
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

    /// The policy and extensions that burned their fuel for nothing and are not called for a while, by their names.
    pub fn resting(&self) -> Vec<&str> {
        let now = Instant::now();
        let own = (self.manifest.name.as_str(), &self.breaker);
        let layers = self.layers.iter().map(|layer| (layer.manifest.name.as_str(), &layer.breaker));
        let all = std::iter::once(own).chain(layers);
        all.filter(|(_, breaker)| breaker.is_open(now)).map(|(name, _)| name).collect()
    }

    /// The grant for `viewer`: the policy's answer, narrowed to the viewer's tenant.
    ///
    /// # Errors
    /// The policy failed; the caller must deny.
    pub fn access(&self, settings: &Settings, viewer: &Viewer, now: Timestamp) -> Result<Grant, Fault> {
        let access = self.try_access(settings, viewer, now);
        self.health.called("access", &access);
        access
    }

    /// The groups that the policy is asked with. It knows only its own, so it is told what those of its extensions imply.
    fn held(&self, viewer: &Viewer) -> Vec<String> {
        match self.layers.is_empty() {
            true => viewer.groups.clone(),
            false => stack::access::held(&self.manifest.groups, &viewer.groups),
        }
    }

    /// The policy's grant with what its extensions add, above no floor yet.
    fn amended(&self, grant: wit::Grant, held: &[String], viewer: &Viewer, now: Timestamp) -> Result<Grant, Fault> {
        let lift = FromWit { function: "access", limits: self.limits };
        let lines: Vec<_> = self.layers.iter().flat_map(|layer| &layer.manifest.access).collect();
        lift.grant(grant, viewer, now, |parts| stack::access::amended(parts, &lines, held, viewer, now))
    }

    /// What may be deleted at `now`: the policy's plan, and nothing earlier than the settings allow.
    ///
    /// # Errors
    /// The policy failed; the caller must delete nothing.
    pub fn retention(&self, settings: &Settings, now: Timestamp) -> Result<Plan, Fault> {
        let plan = self.own_retention(settings, now);
        self.health.called("retention", &plan);
        plan.map(|plan| floors::plan(plan, settings, now))
    }
}

/// SHA-256 of a component, as `sha256:` and hex.
pub fn digest(component: &[u8]) -> String {
    Sha256::digest(component).iter().fold(String::from("sha256:"), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.manifest.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
