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
use super::source::ComponentSource;
use super::stack::merge::Merged;
use super::stack::{self, Layer};
use super::verdict_cache::VerdictCache;
use super::{Floors, Policy, manifest_check};

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
    /// See [`Policy::load`] and [`Policy::extended`]; or one cannot be read.
    pub fn load(&self, policy: &ComponentSource, extensions: &[ComponentSource]) -> Result<Policy, LoadError> {
        let policy = self.policy(policy)?;
        if extensions.is_empty() { Ok(policy) } else { self.extended(policy, extensions) }
    }

    /// Loads a policy alone.
    pub(super) fn policy(&self, component: &ComponentSource) -> Result<Policy, LoadError> {
        let Self { limits, now, .. } = *self;
        let (sandbox, bytes) = Sandbox::load(component, limits, Role::Policy, self.cache)?;
        let (declared, wants_arguments) = sandbox.manifest()?;
        let manifest = manifest_check::manifest(FromWit { function: "manifest", limits }, declared, now)?;
        let reads = Reads::new(manifest.depends.clone(), wants_arguments);
        let policy = Policy {
            sandbox,
            limits,
            reads,
            digest: component.digest().to_owned(),
            bytes,
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
    pub(super) fn extended(&self, policy: Policy, components: &[ComponentSource]) -> Result<Policy, LoadError> {
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
    fn layer(&self, component: &ComponentSource) -> Result<Layer, LoadError> {
        let Self { limits, now, .. } = *self;
        let (sandbox, bytes) = Sandbox::load(component, limits, Role::Extension, self.cache)?;
        let declared = sandbox.declares()?;
        let manifest = stack::declare::manifest(FromWit { function: "declares", limits }, declared, now)?;
        let reads = Reads::new(manifest.depends.clone(), true);
        let digest = component.digest().to_owned();
        Ok(Layer { sandbox, breaker: Breaker::default(), reads, manifest, digest, bytes })
    }
}

impl Policy {
    /// Keeps the code of components that were compiled for this policy, and not taken from a cache.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save_compiled(&self, cache: &CompiledCache) -> io::Result<()> {
        self.sandbox.save(&self.digest, self.bytes, cache)?;
        self.layers.iter().try_for_each(|layer| layer.sandbox.save(&layer.digest, layer.bytes, cache))
    }
}
