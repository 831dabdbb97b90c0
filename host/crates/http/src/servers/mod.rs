//! (short: the feature's parts) MCP servers and the definitions of their tools.

pub(crate) mod api;
pub(crate) mod page;
