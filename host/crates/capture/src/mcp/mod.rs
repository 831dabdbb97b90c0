//! MCP over HTTP: the layer and its tap, and the step from messages to events: outcomes, related messages, sessions,
//! streams.

pub(crate) mod cancel;
pub(crate) mod classify;
pub(crate) mod context;
pub(crate) mod exchange;
pub(crate) mod facts;
pub(crate) mod failure;
pub(crate) mod finish;
pub(crate) mod late_answer;
pub(crate) mod layer;
pub(crate) mod listing;
pub(crate) mod non_mcp;
pub(crate) mod parse_state;
pub(crate) mod server_request;
pub(crate) mod sessions;
pub(crate) mod stream;
pub(crate) mod turn;
