//! A read-only view of the log, also beside a process that records; and notifications of new entries.

use std::collections::HashMap;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_contract::judged_by::JudgedBy;
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_core::reader::{InternalReads, Reader};
use mcp_audit_log_core::recorder::SharedPolicy;
use mcp_audit_log_index::{StoreError, StoreReader};
use mcp_audit_log_model::time::{Clock, Timestamp};
use mcp_audit_log_sandbox::{Extension, Floors, Limits, Policy};
use tokio::sync::watch;

use super::AuditLog;

/// A log that can be read. Clones are the same log.
#[derive(Clone)]
pub struct LogView {
    pub(super) files: StoreReader,
    /// Shared with the recorder, which replaces it when a change is stored.
    pub(super) active: SharedPolicy,
    pub(super) clock: Arc<dyn Clock>,
    /// The log's folder.
    pub(super) folder: PathBuf,
    /// How policies are loaded.
    pub(super) limits: Limits,
    pub(super) floors: Floors,
}

impl LogView {
    /// The grant for `viewer`. If the policy fails, the grant denies everything.
    pub fn access(&self, viewer: &Viewer) -> Grant {
        let active = self.active.now();
        let access = active.policy.access(&active.settings, viewer, self.now());
        access.unwrap_or_else(|_| Grant::denied(viewer.clone()))
    }

    /// A reader of the log with the grant `access`.
    pub fn reader<'a>(&'a self, access: &'a Grant) -> Reader<'a> {
        Reader::new(&self.files, access, self.now())
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.active.now().settings)
    }

    /// The active policy. A swap puts another one in its place.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.active.now().policy)
    }

    /// The policy's name, version and digest, for people.
    pub fn policy_title(&self) -> String {
        self.policy().title()
    }

    /// The extensions over the policy, from the bottom up.
    pub fn policy_extensions(&self) -> Vec<Extension> {
        self.policy().extensions()
    }

    /// The overrides of lower layers by extensions, in sentences.
    pub fn policy_overrides(&self) -> Vec<String> {
        self.policy().overrides().to_vec()
    }

    /// The merged declarations of the policy and its extensions.
    pub fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(self.policy().manifest())
    }

    /// The policy's digest.
    pub fn policy_digest(&self) -> String {
        self.policy().digest().to_owned()
    }

    /// What judged the entry at `seq`, if other components are active now.
    ///
    /// # Errors
    /// The store fails.
    pub fn other_judge(&self, seq: u64) -> Result<Option<JudgedBy>, StoreError> {
        let active = self.policy().stack();
        Ok(self.judged_by(seq)?.filter(|record| record.layers != active))
    }

    /// The current time by the log's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The most followers at once, because each of them uses the policy and the database again and again.
pub(super) const FOLLOWERS: usize = 64;
/// The most followers of one viewer, so that one viewer cannot use them all.
const PER_VIEWER: usize = 16;

/// The followers, and the count for each viewer.
#[derive(Clone, Debug, Default)]
pub(super) struct Followers(Arc<Mutex<HashMap<Viewer, usize>>>);

/// A slot for a follower, until it is dropped.
#[derive(Debug)]
struct FollowerSlot {
    followers: Followers,
    viewer: Viewer,
}

impl Followers {
    fn seat(&self, viewer: &Viewer) -> Option<FollowerSlot> {
        let mut taken = self.taken();
        if taken.values().sum::<usize>() >= FOLLOWERS {
            return None;
        }
        let own = taken.entry(viewer.clone()).or_default();
        (*own < PER_VIEWER).then(|| {
            *own += 1;
            FollowerSlot { followers: self.clone(), viewer: viewer.clone() }
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Viewer, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FollowerSlot {
    fn drop(&mut self) {
        let mut taken = self.followers.taken();
        if let Some(own) = taken.get_mut(&self.viewer) {
            *own = own.saturating_sub(1);
        }
        taken.retain(|_, own| *own > 0);
    }
}

/// Follows the log until it is dropped.
#[derive(Debug)]
pub struct Follower {
    next: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    _seat: FollowerSlot,
}

/// The reason why a follower woke up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wakeup {
    /// Entries may have been appended.
    Appended,
    /// Nothing so far.
    Nothing,
    /// The log ends.
    Stopping,
}

impl AuditLog {
    /// The next `seq`, with a notification after every commit. All entries below it can be read.
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.0.recorder.gauges().next()
    }

    /// Begins to follow the log from now on; `None` if there are too many followers, in total or of this viewer.
    pub fn follow(&self, access: &Grant) -> Option<Follower> {
        let seat = self.0.followers.seat(access.viewer())?;
        let stopping = self.0.stopping.subscribe();
        Some(Follower { next: self.appended(), stopping, _seat: seat })
    }

    /// How many follow the log.
    pub(super) fn followers(&self) -> usize {
        self.0.followers.taken().values().sum()
    }
}

impl Follower {
    /// The next `seq`. [`Self::wait`] no longer reports earlier commits.
    pub fn next_seq(&mut self) -> u64 {
        *self.next.borrow_and_update()
    }

    /// Whether the log is closing.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for a commit that [`Self::next_seq`] has not seen, until the log closes, or for at most `patience`.
    pub async fn wait(&mut self, patience: Duration) -> Wakeup {
        let mut stopping = pin!(self.stopping.wait_for(|stopping| *stopping));
        let mut next = pin!(self.next.changed());
        let first = poll_fn(|context| match stopping.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(Wakeup::Stopping),
            Poll::Pending => {
                next.as_mut().poll(context).map(|told| told.map_or(Wakeup::Stopping, |()| Wakeup::Appended))
            }
        });
        tokio::time::timeout(patience, first).await.unwrap_or(Wakeup::Nothing)
    }
}
