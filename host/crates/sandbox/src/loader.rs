//! Loads a policy with its extensions, from compiled code where a folder has it.

use std::io;
use std::sync::Arc;

use mcp_audit_log_model::mask::Masks;
use mcp_audit_log_model::time::Timestamp;

use super::breaker::Breaker;
use super::compiled::CompiledCache;
use super::exports::Role;
use super::fault::LoadError;
use super::from_wit::FromWit;
use super::health::Health;
use super::judge::Memory;
use super::limits::Limits;
use super::reads::Reads;
use super::sandbox::Sandbox;
use super::stack::merge::Merged;
use super::stack::{self, Layer};
use super::verdict_cache::VerdictCache;
use super::{Floors, Policy, digest, manifest_check};

/// How components are loaded.
#[derive(Clone, Copy, Debug)]
pub struct PolicyLoader<'a> {
    /// The limits of each call.
    pub limits: Limits,
    /// The current time.
    pub now: Timestamp,
    /// Where compiled code is looked for.
    pub cache: Option<&'a CompiledCache>,
}

impl PolicyLoader<'_> {
    /// Loads a policy with its extensions.
    ///
    /// # Errors
    /// See [`Policy::load`] and [`Policy::extended`].
    pub fn load(&self, policy: &[u8], extensions: &[Vec<u8>]) -> Result<Policy, LoadError> {
        let policy = self.policy(policy)?;
        if extensions.is_empty() { Ok(policy) } else { self.extended(policy, extensions) }
    }

    /// Loads a policy alone.
    pub(super) fn policy(&self, component: &[u8]) -> Result<Policy, LoadError> {
        let Self { limits, now, .. } = *self;
        let (sandbox, digest) = self.compile(component, Role::Policy)?;
        let (declared, wants_arguments) = sandbox.manifest()?;
        let manifest = manifest_check::manifest(FromWit { function: "manifest", limits }, declared, now)?;
        let reads = Reads::new(manifest.depends.clone(), wants_arguments);
        let policy = Policy {
            sandbox,
            limits,
            reads,
            digest,
            bytes: component.len(),
            layers: Vec::new(),
            overrides: Vec::new(),
            breaker: Breaker::default(),
            cache: VerdictCache::new(limits.verdict_cache_bytes),
            health: Health::default(),
            masks: Masks::new(&[], &manifest.masks),
            memory: Memory::default(),
            floors: Floors::default(),
            manifest: Arc::new(manifest),
        };
        Ok(policy.remembering())
    }

    /// Puts extensions over a policy.
    pub(super) fn extended(&self, policy: Policy, components: &[Vec<u8>]) -> Result<Policy, LoadError> {
        let mut layers = Vec::with_capacity(components.len());
        for (number, component) in (1..).zip(components) {
            let named = |name| move |reason| LoadError::Extension { name, reason: Box::new(reason) };
            layers.push(self.layer(component).map_err(named(format!("number {number}")))?);
        }
        let layers =
            stack::order::order(&policy.manifest.name, layers, |layer| &layer.manifest).map_err(LoadError::Stack)?;
        let merged = stack::merge::merge(policy.manifest.as_ref().clone(), layers.iter().map(|layer| &layer.manifest));
        let Merged { manifest, overrides } = merged.map_err(LoadError::Stack)?;
        let masks = Masks::new(&[], &manifest.masks);
        Ok(Policy { manifest: Arc::new(manifest), overrides, masks, layers, ..policy }.remembering())
    }

    /// Loads one extension.
    fn layer(&self, component: &[u8]) -> Result<Layer, LoadError> {
        let Self { limits, now, .. } = *self;
        let (sandbox, digest) = self.compile(component, Role::Extension)?;
        let declared = sandbox.declares()?;
        let manifest = stack::declare::manifest(FromWit { function: "declares", limits }, declared, now)?;
        let reads = Reads::new(manifest.depends.clone(), true);
        Ok(Layer { sandbox, breaker: Breaker::default(), reads, manifest, digest, bytes: component.len() })
    }

    fn compile(&self, component: &[u8], role: Role) -> Result<(Sandbox, String), LoadError> {
        let digest = digest(component);
        Ok((Sandbox::compile(component, &digest, self.limits, role, self.cache)?, digest))
    }
}

impl Policy {
    /// Keeps the code of components that were compiled for this policy, and not taken from a cache.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save_compiled(&self, cache: &CompiledCache) -> io::Result<()> {
        self.sandbox.save(&self.digest, cache)?;
        self.layers.iter().try_for_each(|layer| layer.sandbox.save(&layer.digest, cache))
    }
}
