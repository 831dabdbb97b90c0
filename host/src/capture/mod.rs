//! Capture: how traffic becomes events without being changed or slowed down.
//!
//! On the path a piece of a body is cloned cheaply and counted. Everything else (decoding, parsing, telling apart what
//! happened) is a job for the recorder's thread, but for one case: when more waits to be read than may, the path reads it.

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

// Telling what happened.
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
/// The MCP servers behind it.
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
