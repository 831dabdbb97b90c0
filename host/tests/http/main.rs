//! API and pages through the router itself: what each role sees, what is refused, and how errors look.
#![allow(clippy::expect_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod access;
mod bad_input;
mod calls;
mod deeds;
mod doors;
mod export;
mod front;
mod groups;
mod health;
mod holds;
mod instances;
mod matrix;
mod metrics;
mod mounted;
mod openapi;
mod pages;
mod pages_entry;
mod pages_integrity;
mod pages_list;
mod pages_settings;
mod pages_usage;
mod payloads;
mod problems;
mod proofs;
mod serving;
mod settings;
mod sign_in;
mod tail;
mod tokens;
mod usage;
mod views;
mod world;
