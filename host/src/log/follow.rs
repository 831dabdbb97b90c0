//! Following the log: word of what is appended, for a bounded number of those who wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::AuditLog;
use crate::access::{Access, Viewer};

/// How many may follow at once: each asks the policy and the database again and again.
pub(super) const FOLLOWERS: usize = 64;
/// How many of them may be one viewer: nobody takes all the room.
const OF_A_VIEWER: usize = 16;

/// Who follows the log, and how often.
#[derive(Clone, Debug, Default)]
pub(super) struct Followers(Arc<Mutex<HashMap<Viewer, usize>>>);

/// A place among them, until it is dropped.
#[derive(Debug)]
struct Seat {
    followers: Followers,
    viewer: Viewer,
}

impl Followers {
    fn seat(&self, viewer: &Viewer) -> Option<Seat> {
        let mut taken = self.taken();
        if taken.values().sum::<usize>() >= FOLLOWERS {
            return None;
        }
        let own = taken.entry(viewer.clone()).or_default();
        (*own < OF_A_VIEWER).then(|| {
            *own += 1;
            Seat { followers: self.clone(), viewer: viewer.clone() }
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Viewer, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.followers.taken();
        if let Some(own) = taken.get_mut(&self.viewer) {
            *own = own.saturating_sub(1);
        }
        taken.retain(|_, own| *own > 0);
    }
}

/// Somebody who follows the log, until it is dropped.
#[derive(Debug)]
pub struct Follower {
    next: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    _seat: Seat,
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

    /// Begins to follow the log from now on; `None` when as many as may do so already, in all or of this viewer.
    pub fn follow(&self, access: &Access) -> Option<Follower> {
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
