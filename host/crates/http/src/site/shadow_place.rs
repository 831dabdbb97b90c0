//! The place for a candidate that judges what is recorded, beside the active policy: one at a time.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_policy_tools::follower::ShadowFollower;
use tokio::sync::Notify;

/// The last shadow that was begun, also after its end.
#[derive(Default)]
pub(crate) struct ShadowPlace(Mutex<Option<Arc<RunningShadow>>>);

/// A shadow.
pub(crate) struct RunningShadow {
    /// Who began it.
    pub(crate) viewer: Viewer,
    pub(crate) began: Timestamp,
    pub(crate) until: Timestamp,
    follower: Mutex<ShadowFollower>,
    end: Mutex<Option<ShadowEnd>>,
    stop: Notify,
}

/// When and why a shadow ended.
#[derive(Clone, Debug)]
pub(crate) struct ShadowEnd {
    pub(crate) at: Timestamp,
    /// A sentence.
    pub(crate) why: String,
}

impl ShadowPlace {
    /// The shadow, if one was begun.
    pub(crate) fn find(&self) -> Option<Arc<RunningShadow>> {
        locked(&self.0).clone()
    }

    /// Puts a shadow in the place of one that ended.
    ///
    /// # Errors
    /// The other one has not ended.
    pub(crate) fn begin(&self, shadow: RunningShadow) -> Result<(), Arc<RunningShadow>> {
        let mut place = locked(&self.0);
        match place.as_ref().filter(|other| other.ended().is_none()) {
            Some(other) => Err(Arc::clone(other)),
            None => {
                *place = Some(Arc::new(shadow));
                Ok(())
            }
        }
    }
}

impl RunningShadow {
    pub(crate) fn new(viewer: Viewer, time: Range<Timestamp>, follower: ShadowFollower) -> Self {
        let (follower, end, stop) = (Mutex::new(follower), Mutex::default(), Notify::new());
        Self { viewer, began: time.start, until: time.end, follower, end, stop }
    }

    /// Whether this viewer began it.
    pub(crate) fn is_of(&self, access: &Grant) -> bool {
        self.viewer == *access.viewer()
    }

    /// Its place in the log. A look takes as long as its entries take.
    pub(crate) fn follower(&self) -> MutexGuard<'_, ShadowFollower> {
        locked(&self.follower)
    }

    /// When and why it ended.
    pub(crate) fn ended(&self) -> Option<ShadowEnd> {
        locked(&self.end).clone()
    }

    /// Ends it, if it has not ended.
    pub(crate) fn end(&self, at: Timestamp, why: &str) {
        locked(&self.end).get_or_insert_with(|| ShadowEnd { at, why: why.to_owned() });
        self.stop.notify_one();
    }

    /// Waits until it ends.
    pub(crate) async fn stopped(&self) {
        self.stop.notified().await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
