//! The rules for the vendor's own API under an MCP token. Method, path and status are fields of the entry already.

use super::{by_name, called, mcp, record};
use crate::contract::{Event, Verdict};

/// The verdict on an API call. One that a tunnel or relay labels as a tool call is one.
pub(super) fn rule(event: &Event) -> Verdict {
    mcp::tunnelled(event).unwrap_or_else(|| {
        let affected = by_name("server", event.server.as_deref());
        record::add(event, Verdict { affected, ..called("api.called") })
    })
}
