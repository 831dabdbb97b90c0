//! A slot through which a sign-in inside the layer reports the caller to the log outside of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::event::Caller;

/// Is in a request's extensions. The sign-in fills it once it knows the caller; clones share the slot.
#[derive(Clone, Debug, Default)]
pub struct CallerSlot(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    caller: OnceLock<Caller>,
    refused: AtomicBool,
}

impl CallerSlot {
    /// Sets the caller. Only the first call counts.
    pub fn set(&self, caller: Caller) {
        // A second sign-in cannot overrule the first.
        let _ = self.0.caller.set(caller);
    }

    /// Reports that the caller was refused: the log keeps no content of the request, and counts many such requests in
    /// one entry.
    pub fn refuse(&self) {
        self.0.refused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// The caller, if it was set.
    pub fn get(&self) -> Option<&Caller> {
        self.0.caller.get()
    }
}
