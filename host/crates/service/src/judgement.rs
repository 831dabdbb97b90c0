//! What judged each entry: the record in the store, the components in the folder, and which of them judge at a start.

use std::io;
use std::path::Path;

use mcp_audit_log_contract::judged_by::{JudgedBy, JudgedByChange};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_core::components::Components;
use mcp_audit_log_core::recorder::{ActivePolicy, StateChange};
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_index::{Batch, StoreError, Writer};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_sandbox::{CompiledCache, ComponentSource, Floors, Limits, LoadError, Policy, PolicyLoader, digest};

use super::{LogView, OpenError};

/// Stands for the default policy among the digests that a start names: another version of the program has another one.
const DEFAULT: &str = "default";

impl LogView {
    /// What judged the entry at `seq`: the components in their order, and the settings. `None` for a log that recorded
    /// nothing yet. It is known as long as the entry is, and afterwards.
    ///
    /// # Errors
    /// The store fails.
    pub fn judged_by(&self, seq: u64) -> Result<Option<JudgedBy>, StoreError> {
        Ok(self.judged_before(Some(seq.saturating_add(1)), 1)?.pop())
    }

    /// What judged from earlier on, the newest first: records with a `since` below `before`, at most `limit`.
    ///
    /// # Errors
    /// The store fails.
    pub fn judged_before(&self, before: Option<u64>, limit: usize) -> Result<Vec<JudgedBy>, StoreError> {
        self.files.judged_before(before.unwrap_or(u64::MAX), limit)
    }

    /// What judges at present, with the `seq` since which it does.
    ///
    /// # Errors
    /// The store fails.
    pub fn judges_now(&self) -> Result<Option<JudgedBy>, StoreError> {
        Ok(self.judged_before(None, 1)?.pop())
    }

    /// The component with this digest, if it ever judged in this log. Blocks.
    ///
    /// # Errors
    /// It is missing, cannot be read, or is another one.
    pub fn kept_component(&self, digest: &str) -> io::Result<Vec<u8>> {
        Components::of(&self.folder).read(digest)
    }

    /// The policy with its extensions, on the floors of then, and the settings of a record: together they judge as they
    /// did then. It is
    /// loaded anew, with a memory and a health of its own. Blocks.
    ///
    /// # Errors
    /// A component is missing, or this version of the program refuses it.
    pub fn policy_of(&self, record: &JudgedBy) -> Result<(Policy, Settings), OpenError> {
        let policy = self.loading().kept(record)?.on(&record.floors);
        let settings = Settings::load(&policy.manifest().settings, &record.settings);
        Ok((policy, settings))
    }

    /// Loads components as the log's own.
    pub(super) fn load(&self, policy: &[u8], extensions: &[Vec<u8>]) -> Result<Policy, LoadError> {
        let extensions: Vec<_> = extensions.iter().cloned().map(ComponentSource::new).collect();
        self.loading().policy(&ComponentSource::new(policy.to_vec()), &extensions)
    }

    fn loading(&self) -> Loading<'_> {
        let Self { folder, limits, floors, .. } = self;
        Loading { folder, limits: *limits, floors, now: self.now() }
    }

    /// Keeps what was compiled, for the next start and for commands.
    pub(super) fn save_compiled(&self, policy: &Policy) {
        if let Some(cache) = compiled_cache(&self.folder)
            && let Err(error) = policy.save_compiled(&cache)
        {
            tracing::warn!(%error, "the compiled policy cannot be kept; the next start compiles it again");
        }
    }
}

/// How the components of a log are loaded.
pub(super) struct Loading<'a> {
    pub(super) folder: &'a Path,
    pub(super) limits: Limits,
    pub(super) floors: &'a Floors,
    pub(super) now: Timestamp,
}

impl Loading<'_> {
    /// The policy and what it was loaded from, for a log in which `newest` judged last.
    pub(super) fn named(&self, named: &Named, newest: Option<&JudgedBy>) -> Result<(Policy, Stack), OpenError> {
        let stack = named.stack(self.folder, newest)?;
        // What records must be able to show later what judged; what only reads is content with compiled code.
        let stack = if named.purpose == Purpose::View { stack } else { stack.read().map_err(OpenError::Component)? };
        Ok((self.policy(&stack.policy, &stack.extensions)?, stack))
    }

    /// The policy of a record, from the components that were kept.
    pub(super) fn kept(&self, record: &JudgedBy) -> Result<Policy, OpenError> {
        let stack = Stack::of(self.folder, record).and_then(Stack::read).map_err(OpenError::Component)?;
        Ok(self.policy(&stack.policy, &stack.extensions)?)
    }

    /// Loads components, compiled code from the log's folder where it has it.
    fn policy(&self, policy: &ComponentSource, extensions: &[ComponentSource]) -> Result<Policy, LoadError> {
        let cache = compiled_cache(self.folder);
        let loader = PolicyLoader { limits: self.limits, now: self.now, cache: cache.as_ref() };
        Ok(loader.load(policy, extensions)?.on(self.floors))
    }
}

/// Components that are to be loaded together.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) policy: ComponentSource,
    pub(super) extensions: Vec<ComponentSource>,
    /// See [`JudgedBy::configured`].
    pub(super) configured: Option<Vec<String>>,
}

/// What a start or a command names.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) policy: Option<Vec<u8>>,
    pub(super) extensions: Vec<Vec<u8>>,
    pub(super) purpose: Purpose,
}

/// What a log is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To record on; where nothing is named, by the default policy.
    Start,
    /// To record something and to close it again; where nothing is named, by the policy that judged last.
    Moment,
    /// To read, by any policy; where nothing is named, by the one that judged last.
    View,
}

impl Named {
    /// Which components judge, after `newest` did.
    ///
    /// # Errors
    /// A policy was activated since, and a start names a third one; or a component is missing.
    fn stack(&self, folder: &Path, newest: Option<&JudgedBy>) -> Result<Stack, OpenError> {
        let (purpose, is_named) = (self.purpose, self.policy.is_some() || !self.extensions.is_empty());
        let policy = self.policy.clone().unwrap_or_else(|| Policy::builtin_component().to_vec());
        let extensions = self.extensions.iter().cloned().map(ComponentSource::new).collect();
        let own = Stack { policy: ComponentSource::new(policy), extensions, configured: None };
        let Some(newest) = newest else { return Ok(own) };
        let last = || Stack::of(folder, newest).map_err(OpenError::Component);
        match &newest.configured {
            _ if purpose == Purpose::View => {
                if is_named {
                    Ok(own)
                } else {
                    last()
                }
            }
            None => {
                if is_named || purpose == Purpose::Start {
                    Ok(own)
                } else {
                    last()
                }
            }
            Some(_) if !is_named => last(),
            Some(_) if named(&newest.digests()) == own.digests() => Ok(own),
            Some(configured) if *configured == own.digests() => last(),
            Some(_) => {
                let named = own.digests().join(", ");
                Err(OpenError::OtherPolicy { active: newest.title(), since: newest.since, named })
            }
        }
    }
}

impl Stack {
    /// The kept components of a record, to be read where they are needed.
    pub(super) fn of(folder: &Path, record: &JudgedBy) -> io::Result<Self> {
        let (kept, builtin) = (Components::of(folder), ComponentSource::new(Policy::builtin_component().to_vec()));
        let source = |name: &String| if *name == builtin.digest() { Ok(builtin.clone()) } else { kept.source(name) };
        let mut components = record.digests().iter().map(source).collect::<io::Result<Vec<_>>>()?.into_iter();
        let policy = components.next().ok_or_else(|| io::Error::other("the record names no component"))?;
        Ok(Self { policy, extensions: components.collect(), configured: record.configured.clone() })
    }

    /// The same with all components in memory.
    pub(super) fn read(self) -> io::Result<Self> {
        let extensions = self.extensions.into_iter().map(ComponentSource::read).collect::<io::Result<_>>()?;
        Ok(Self { policy: self.policy.read()?, extensions, ..self })
    }

    /// What it names, to be compared with another start.
    fn digests(&self) -> Vec<String> {
        let digests: Vec<_> = self.components().map(|component| component.digest().to_owned()).collect();
        named(&digests)
    }

    pub(super) fn components(&self) -> impl Iterator<Item = &ComponentSource> {
        [&self.policy].into_iter().chain(&self.extensions)
    }
}

/// What a start would name for these digests to judge, whatever the order of its extensions.
pub(super) fn named(digests: &[String]) -> Vec<String> {
    let mut named = digests.to_vec();
    if let Some((policy, extensions)) = named.split_first_mut() {
        if *policy == digest(Policy::builtin_component()) {
            DEFAULT.clone_into(policy);
        }
        extensions.sort();
    }
    named
}

/// Keeps the components that will judge, and records that they do from the next entry on.
pub(super) fn begin(
    folder: &Path,
    stack: &Stack,
    active: &ActivePolicy,
    writer: &mut dyn Writer,
) -> Result<(), OpenError> {
    let kept = Components::of(folder);
    stack.components().try_for_each(|component| kept.keep(&component.bytes()?)).map_err(OpenError::Component)?;
    let judged_by = vec![JudgedByChange { after: 0, record: active.record() }];
    let states = StateChange { judged_by, ..StateChange::default() };
    writer.commit(&Batch { states, ..Batch::default() })?;
    Ok(())
}

/// The compiled code in the log's folder. `None` where its key cannot be read or would not be secret.
fn compiled_cache(folder: &Path) -> Option<CompiledCache> {
    let place = place(folder)?;
    let secret = Secret::read(folder).ok()?;
    Some(CompiledCache::new(folder.join("policies"), secret.code("compiled policy", &place)))
}

/// Where the key lies, as no copy of it does: a folder that another party made, with a key that it knows, must not bring
/// compiled code with it. The system gives a file the time of its last change, and no program can choose it.
#[cfg(unix)]
fn place(folder: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let key = std::fs::metadata(folder.join("secret.key")).ok()?;
    // The maker of an image of a disk chooses what is on it. A container often has no id, but its kernel has one.
    let ids = ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"].map(std::fs::read_to_string);
    let machine = ids.into_iter().flatten().find(|id| !id.trim().is_empty())?;
    Some(format!("{} {}.{:09} {}", key.ino(), key.ctime(), key.ctime_nsec(), machine.trim()))
}

#[cfg(not(unix))]
fn place(_: &Path) -> Option<String> {
    None
}
