//! The command: what it prints while it runs, what it says of bad input, what it proves, and how it ends.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::expect_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod advice;
mod evidence;
mod hang_up;
mod running;
