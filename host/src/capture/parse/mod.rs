//! Parsing on the recorder's thread: from the bytes of a body to its messages.

pub(in crate::capture) mod decode;
pub(in crate::capture) mod decoders;
pub(in crate::capture) mod document;
pub(in crate::capture) mod json;
pub(in crate::capture) mod jsonrpc;
pub(in crate::capture) mod params;
pub(in crate::capture) mod parse_state;
pub(in crate::capture) mod reader;
pub(in crate::capture) mod sse;
