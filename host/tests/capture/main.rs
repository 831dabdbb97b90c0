//! Capture on real sockets: the layers and the proxy, and their entries.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod any_size;
mod api;
mod digests;
mod hidden;
mod late;
mod messages;
mod prepared_answers;
mod proxy;
mod reasons;
mod strict;
mod support;
