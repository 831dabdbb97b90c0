//! Capture: turns traffic into events without changing it or slowing it down.
//!
//! On the path a chunk is cloned cheaply and counted. Everything else (decoding, parsing, classifying) runs on the
//! recorder's thread, with two exceptions: when too much waits to be read, the path reads it, and a body that takes long to
//! decode is decoded on a thread of its own (`tap/turn.rs`).

mod mcp;
mod parse;
mod tap;
// The path.
mod api;

// Reading.

// Classification of what happened.

// A gateway made of it.
/// The reverse proxy.
pub mod proxy;
mod strict;

// A wrapper for servers on standard input and output.
/// The wrapper around a server on standard input and output.
pub mod stdio;

pub use crate::api::ApiLayer;
pub use crate::mcp::failure::{FailureSlot, Transport};
pub use crate::parse::document::body_digests;
pub use crate::proxy::upstream;
pub use crate::strict::{Strict, StrictLayer};
pub use crate::tap::body::{RequestBody, ResponseBody};
pub use crate::tap::layer::{AuditLayer, Audited, Responding};
pub use crate::tap::slots::CallerSlot;
pub use crate::tap::slots::{CallId, ParentCall};

pub use crate::mcp::facts::clean;
pub use crate::mcp::failure::failure;
