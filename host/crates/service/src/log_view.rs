//! A read-only view of the log, also beside a process that records; and notifications of new entries.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;

use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_contract::manifest::Manifest;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_core::reader::{InternalReads, ReadError, Reader};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{PageAnchor, StoreReader};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Channel, Outcome};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{Clock, Timestamp};
use mcp_audit_log_sandbox::{Extension, Policy};
use tokio::sync::watch;

use super::AuditLog;
use super::open::own_access;

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
    /// The grant for `viewer`. If the policy fails, the grant denies everything.
    pub fn access(&self, viewer: &Viewer) -> Grant {
        let access = self.policy.access(&self.settings(), viewer, self.now());
        access.unwrap_or_else(|_| Grant::denied(viewer.clone()))
    }

    /// A reader of the log with the grant `access`.
    pub fn reader<'a>(&'a self, access: &'a Grant) -> Reader<'a> {
        Reader::new(&self.files, access, self.now())
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.shared_settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The policy, for its health.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The policy's name, version and digest, for people.
    pub fn policy_title(&self) -> String {
        self.policy.title()
    }

    /// The extensions over the policy, from the bottom up.
    pub fn policy_extensions(&self) -> Vec<Extension> {
        self.policy.extensions()
    }

    /// The overrides of lower layers by extensions, in sentences.
    pub fn policy_overrides(&self) -> &[String] {
        self.policy.overrides()
    }

    /// The merged declarations of the policy and its extensions.
    pub fn manifest(&self) -> &Manifest {
        self.policy.manifest()
    }

    /// The policy's digest.
    pub fn policy_digest(&self) -> &str {
        self.policy.digest()
    }

    /// The policy and extensions that judged `entry`, in words. `None` if they are the active ones, or if the entry about
    /// their start is gone.
    ///
    /// # Errors
    /// The store fails.
    pub fn other_judge(&self, entry: &Entry) -> Result<Option<String>, ReadError> {
        let own = own_access();
        let started = Domain::equals(Field::Channel, Channel::System.as_str())
            .and(Domain::equals(Field::Method, "log.started"))
            .and(Domain::equals(Field::Outcome, Outcome::Success.as_str()));
        let page = self.reader(&own).page(started, PageAnchor::Before(entry.seq.saturating_add(1)), 1)?;
        let detail = |name: &str| page.entries.first()?.details.get(name)?.as_str().map(str::to_owned);
        let Some((title, digest)) = detail("audit_policy").zip(detail("policy_digest")) else { return Ok(None) };
        let then = std::iter::once(format!("{title} ({digest})")).chain(detail("policy_extensions"));
        let active: Vec<_> = self.policy_extensions().iter().map(Extension::title).collect();
        let active = std::iter::once(self.policy_title()).chain((!active.is_empty()).then(|| active.join(", ")));
        let (then, active): (Vec<_>, Vec<_>) = (then.collect(), active.collect());
        Ok((then != active).then(|| then.join(", ")))
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
