//! Capture: turns traffic into events without changing it or slowing it down.
//!
//! On the path a chunk is cloned cheaply and counted. Everything else (decoding, parsing, classifying) runs on the
//! recorder's thread, with one exception: when too much waits to be read, the path reads it.

// The path.
mod api;
mod body;
mod caller;
mod exchange;
mod head;
mod layer;
mod observer;
mod parent;

// Reading.
mod decode;
mod digest;
mod document;
mod json;
mod jsonrpc;
mod matching;
mod params;
mod reader;
mod sse;
mod unpack;

// Classification of what happened.
mod bounded;
mod cancel;
mod circumstances;
mod classify;
mod conclude;
mod facts;
mod failure;
mod late;
mod question;
mod sessions;
mod stay;
mod stream;
mod target;
mod transport;
mod unreadable;

// A gateway made of it.
mod answer;
mod forward;
mod heads;
mod lent;
mod location;
mod oauth;
mod older;
mod pool;
/// The reverse proxy.
pub mod proxy;
mod reach;
mod sign_in;
mod strict;
mod timeouts;
/// The MCP servers after the proxy.
pub mod upstream;

// A wrapper for servers on standard input and output.
mod pipe;
/// The wrapper around a server on standard input and output.
pub mod stdio;

pub use api::ApiLayer;
pub use body::{RequestBody, ResponseBody};
pub use caller::CallerSlot;
pub use layer::{AuditLayer, Audited, Responding};
pub use matching::body_digests;
pub use parent::{CallId, ParentCall};
pub use strict::{Strict, StrictLayer};
pub use transport::{FailureSlot, Transport};

pub(crate) use failure::failure;
pub(crate) use target::clean;
