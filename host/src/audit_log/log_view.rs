//! A read-only view of the log, also beside a process that records.

use std::sync::{Arc, PoisonError, RwLock};

use crate::access::{Access, Viewer};
use crate::manifest::Manifest;
use crate::policy::Policy;
use crate::reader::{InternalReads, Reader};
use crate::settings::Settings;
use crate::store::StoreReader;
use crate::time::{Clock, Timestamp};

/// A log that can be read. Clones are the same log.
#[derive(Clone)]
pub struct LogView {
    pub(super) files: StoreReader,
    pub(super) policy: Arc<Policy>,
    /// Shared with the recorder, which replaces them when a change is stored.
    pub(super) shared_settings: Arc<RwLock<Arc<Settings>>>,
    pub(super) clock: Arc<dyn Clock>,
}

impl LogView {
    /// What `viewer` may do. A policy that fails here denies everything.
    pub fn access(&self, viewer: &Viewer) -> Access {
        let access = self.policy.access(&self.settings(), viewer, self.now());
        access.unwrap_or_else(|_| Access::denied(viewer.clone()))
    }

    /// The log as `access` lets it be seen.
    pub fn reader<'a>(&'a self, access: &'a Access) -> Reader<'a> {
        Reader::new(&self.files, access, self.now())
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.shared_settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The policy, for how it is doing.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The policy's name, version and digest, for people.
    pub fn policy_title(&self) -> String {
        self.policy.title()
    }

    /// What the policy declares.
    pub fn manifest(&self) -> &Manifest {
        self.policy.manifest()
    }

    /// The policy's digest.
    pub fn policy_digest(&self) -> &str {
        self.policy.digest()
    }

    /// The present moment by the log's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
