//! Checkpoints with a clock that the test sets: when they are signed, where they are published, and which removals they
//! permit.
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
