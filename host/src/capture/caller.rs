//! The holder through which a sign-in inside the layer tells the log outside of it who is calling.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::event::Caller;

/// Stands in a request's extensions. The sign-in fills it once it knows who is calling; clones are the same holder.
#[derive(Clone, Debug, Default)]
pub struct CallerSlot(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    caller: OnceLock<Caller>,
    refused: AtomicBool,
}

impl CallerSlot {
    /// Says who is calling. The first word counts.
    pub fn set(&self, caller: Caller) {
        // A second sign-in cannot overrule the first.
        let _ = self.0.caller.set(caller);
    }

    /// Says that whoever is calling was not let in: of what they sent nothing is kept, and of many such only the number.
    pub fn refuse(&self) {
        self.0.refused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Who is calling, if anybody said so.
    pub fn get(&self) -> Option<&Caller> {
        self.0.caller.get()
    }
}
