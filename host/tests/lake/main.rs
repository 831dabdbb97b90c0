//! A lake in a folder: what is sealed, when, and what its verification finds.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod gaps;
mod removal;
mod sealing;
mod support;
mod tampering;
