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

pub use crate::capture::api::ApiLayer;
pub use crate::capture::mcp::failure::{FailureSlot, Transport};
pub use crate::capture::parse::document::body_digests;
pub use crate::capture::proxy::upstream;
pub use crate::capture::strict::{Strict, StrictLayer};
pub use crate::capture::tap::body::{RequestBody, ResponseBody};
pub use crate::capture::tap::layer::{AuditLayer, Audited, Responding};
pub use crate::capture::tap::slots::CallerSlot;
pub use crate::capture::tap::slots::{CallId, ParentCall};

pub(crate) use crate::capture::mcp::facts::clean;
pub(crate) use crate::capture::mcp::failure::failure;
