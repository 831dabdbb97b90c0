//! From messages to events: outcomes, related messages, sessions and streams.

pub(crate) mod cancel;
pub(crate) mod classify;
pub(crate) mod context;
pub(crate) mod facts;
pub(crate) mod failure;
pub(crate) mod finish;
pub(crate) mod late_answer;
pub(crate) mod non_mcp;
pub(crate) mod server_request;
pub(crate) mod sessions;
pub(crate) mod stream;
