//! The command: its output while it runs, its messages about bad input, its proofs, and how it ends.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::expect_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod advice;
mod evidence;
mod hang_up;
mod running;
