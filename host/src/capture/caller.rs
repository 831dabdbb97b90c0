//! The holder through which a sign-in inside the layer tells the log outside of it who is calling.

use std::sync::{Arc, OnceLock};

use crate::event::Caller;

/// Stands in a request's extensions. The sign-in fills it once it knows who is calling; clones are the same holder.
#[derive(Clone, Debug, Default)]
pub struct CallerSlot(Arc<OnceLock<Caller>>);

impl CallerSlot {
    /// Says who is calling. The first word counts.
    pub fn set(&self, caller: Caller) {
        // A second sign-in cannot overrule the first.
        let _ = self.0.set(caller);
    }

    /// Who is calling, if anybody said so.
    pub fn get(&self) -> Option<&Caller> {
        self.0.get()
    }
}
