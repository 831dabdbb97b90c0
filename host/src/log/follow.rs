//! Following the log: word of what is appended, for a bounded number of those who wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::AuditLog;

/// How many may follow at once: each asks the policy and the database again and again.
pub(super) const FOLLOWERS: usize = 64;

/// Somebody who follows the log, until it is dropped.
#[derive(Debug)]
pub struct Follower {
    next: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

/// What a follower waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Entries may have been appended.
    Appended,
    /// Nothing so far.
    Nothing,
    /// The log ends.
    Stopping,
}

impl AuditLog {
    /// The place of the next entry, with word after every commit. Everything below it can be read.
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.0.recorder.gauges().next()
    }

    /// Begins to follow the log from now on; `None` when as many as may do so already.
    pub fn follow(&self) -> Option<Follower> {
        let permit = Arc::clone(&self.0.followers).try_acquire_owned().ok()?;
        let stopping = self.0.stopping.subscribe();
        Some(Follower { next: self.appended(), stopping, _permit: permit })
    }

    /// How many follow the log.
    pub(super) fn followers(&self) -> usize {
        FOLLOWERS - self.0.followers.available_permits()
    }
}

impl Follower {
    /// The place of the next entry. Commits before this are not told by [`Self::wait`] any more.
    pub fn place(&mut self) -> u64 {
        *self.next.borrow_and_update()
    }

    /// Whether the log is about to end.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for a commit that [`Self::place`] does not know of yet, for the log's end, or until `patience` is over.
    pub async fn wait(&mut self, patience: Duration) -> Word {
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stopping| *stopping) => Word::Stopping,
            told = self.next.changed() => told.map_or(Word::Stopping, |()| Word::Appended),
            () = tokio::time::sleep(patience) => Word::Nothing,
        }
    }
}
