//! What ties a call of the vendor's own API to the MCP call that made it.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use crate::event::new_id;
use crate::time::Timestamp;

/// Stands in the extensions of every request that [`super::AuditLayer`] lets through: the id that the entry about its
/// call will have. Of several messages in one request it is the first one's.
#[derive(Clone, Debug)]
pub struct CallId(Arc<Call>);

#[derive(Debug)]
struct Call {
    at: Timestamp,
    id: OnceLock<Uuid>,
}

impl CallId {
    pub(super) fn new(at: Timestamp) -> Self {
        Self(Arc::new(Call { at, id: OnceLock::new() }))
    }

    /// The id, the same for all clones. It is made when somebody asks for it first.
    pub fn get(&self) -> Uuid {
        *self.0.id.get_or_init(|| new_id(self.0.at))
    }
}

/// Put into the extensions of a request to the vendor's API: the id of the entry about the call that makes it. What
/// [`super::ApiLayer`] records then points at that entry.
///
/// It is believed. Whoever takes it from a header must know that the header comes from the vendor's own MCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentCall(pub Uuid);

impl From<&CallId> for ParentCall {
    fn from(call: &CallId) -> Self {
        Self(call.get())
    }
}
