//! Capture: how traffic becomes events without being changed or slowed down.
//!
//! On the path, a chunk of a body is cloned cheaply and counted, nothing more. Everything else (decoding, parsing,
//! telling apart what happened) is a job for the recorder's thread.

mod document;
mod json;
mod jsonrpc;
mod sse;
