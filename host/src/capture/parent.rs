//! What ties a call of the vendor's own API to the MCP call that made it.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use crate::event::new_id;
use crate::time::Timestamp;

/// Is in the extensions of every request that [`super::AuditLayer`] lets through: the id of the future entry about its
/// call. If a request has several messages, it belongs to the first one.
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

    /// The id, the same for all clones. It is created on the first call.
    pub fn get(&self) -> Uuid {
        *self.0.id.get_or_init(|| new_id(self.0.at))
    }
}

/// Goes into the extensions of a request to the vendor's API: the id of the entry about the call that makes it. The
/// entry of [`super::ApiLayer`] then refers to that entry.
///
/// It is trusted. If you read it from a header, make sure that the header comes from the vendor's own MCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentCall(pub Uuid);

impl From<&CallId> for ParentCall {
    fn from(call: &CallId) -> Self {
        Self(call.get())
    }
}
