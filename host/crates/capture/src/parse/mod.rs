//! Parsing on the recorder's thread: from the bytes of a body to its messages.

pub(crate) mod decode;
pub(crate) mod decoders;
pub(crate) mod document;
pub(crate) mod json;
pub(crate) mod jsonrpc;
pub(crate) mod params;
pub(crate) mod reader;
pub(crate) mod sse;
