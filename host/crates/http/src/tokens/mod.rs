//! (short: a list) Tokens: their API, and their page with what an MCP client needs.

pub(crate) mod api;
pub(crate) mod page;
mod snippet;
