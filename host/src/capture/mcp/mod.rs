//! From messages to events: outcomes, related messages, sessions and streams.

pub(in crate::capture) mod cancel;
pub(in crate::capture) mod classify;
pub(in crate::capture) mod context;
pub(in crate::capture) mod facts;
pub(in crate::capture) mod failure;
pub(in crate::capture) mod finish;
pub(in crate::capture) mod late_answer;
pub(in crate::capture) mod non_mcp;
pub(in crate::capture) mod server_request;
pub(in crate::capture) mod sessions;
pub(in crate::capture) mod stream;
