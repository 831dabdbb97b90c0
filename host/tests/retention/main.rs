//! Retention and schedule with a clock that the test sets.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod chunks;
mod cleanup;
mod holds;
mod payloads;
mod sinks;
mod support;
mod year;
