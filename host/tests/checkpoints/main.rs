//! Checkpoints with a clock that the test sets: when they are signed, where they go, and what they let the cleanup
//! remove.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and fails")]

mod bundles;
mod clock;
mod closing;
mod forged;
mod forger;
mod published;
mod signing;
mod support;
mod verify;
