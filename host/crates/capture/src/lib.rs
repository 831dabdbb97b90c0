//! Capture: turns traffic into events without changing it or slowing it down. Each source is a `Tap`: `mcp` over HTTP,
//! `api`, and `stdio`. `proxy` and `strict` use the tap of `mcp`.
//!
//! On the path of the traffic, a chunk is cloned cheaply and counted. Everything else (decoding, parsing, classifying)
//! runs on the recorder's thread, with two exceptions: when too many bytes wait to be read, the path reads them itself;
//! and a body that takes long to decode is decoded on a separate thread (`mcp/turn.rs`).

mod api;
mod bodies;
mod mcp;
mod parse;
/// The reverse proxy.
pub mod proxy;
/// The wrapper around a server on standard input and output.
pub mod stdio;
mod strict;
mod tap;

pub use crate::api::ApiLayer;
pub use crate::bodies::{PolledFrame, polled};
pub use crate::mcp::facts::clean;
pub use crate::mcp::failure::failure;
pub use crate::mcp::layer::AuditLayer;
pub use crate::parse::document::body_digests;
pub use crate::proxy::upstream;
pub use crate::strict::{Strict, StrictLayer};
pub use crate::tap::audited::{Audited, Responding};
pub use crate::tap::body::{RequestBody, ResponseBody};
pub use crate::tap::slots::{CallId, CallerSlot, ParentCall};
pub use crate::tap::transport::{FailureSlot, Transport};
