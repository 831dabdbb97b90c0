//! (short: one file per channel) The rules for the vendor's own API under an MCP token. Method, path and status are
//! fields of the entry already.

use super::{mcp, record};
use crate::contract::{Event, Verdict};
use crate::sdk::verdict::{by_name, called, text_fact};

/// The verdict on an API call. One that a tunnel or relay labels as a tool call counts as a tool call, and one that
/// used a language model as a model call.
pub(super) fn rule(event: &Event) -> Verdict {
    mcp::tunnelled(event).or_else(|| model_called(event)).unwrap_or_else(|| {
        let affected = by_name("server", event.server.as_deref());
        record::add(event, Verdict { affected, ..called("api.called") })
    })
}

fn model_called(event: &Event) -> Option<Verdict> {
    let model = text_fact(event, "llm_model");
    let used = model.is_some() || text_fact(event, "provider").is_some();
    used.then(|| Verdict { affected: by_name("model", model), ..called("model.called") })
}
