//! Slots in a request's extensions: the caller for the log, and the call's entry for the vendor's API.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use mcp_audit_log_model::event::{Caller, new_id};
use mcp_audit_log_model::time::Timestamp;
use uuid::Uuid;

/// A slot in a request's extensions. The sign-in sets the caller; clones share the slot.
#[derive(Clone, Debug, Default)]
pub struct CallerSlot(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    caller: OnceLock<Caller>,
    refused: AtomicBool,
}

impl CallerSlot {
    /// Sets the caller. Only the first call has an effect.
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

/// In the extensions of every request that [`crate::AuditLayer`] forwards: the id of the future entry about its call.
/// If a request has several messages, the id belongs to the first one.
#[derive(Clone, Debug)]
pub struct CallId(Arc<Call>);

#[derive(Debug)]
struct Call {
    at: Timestamp,
    id: OnceLock<Uuid>,
}

impl CallId {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self(Arc::new(Call { at, id: OnceLock::new() }))
    }

    /// The id, the same for all clones. It is created on the first call.
    pub fn get(&self) -> Uuid {
        *self.0.id.get_or_init(|| new_id(self.0.at))
    }
}

/// For the extensions of a request to the vendor's API: the id of the entry about the MCP call that makes it. The entry
/// of [`crate::ApiLayer`] then refers to that entry.
///
/// It is trusted. If you read it from a header, make sure that the header comes from the vendor's own MCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentCall(pub Uuid);

impl From<&CallId> for ParentCall {
    fn from(call: &CallId) -> Self {
        Self(call.get())
    }
}
