//! API and pages through the router itself: what each role sees, what is refused, and how errors look.
#![allow(clippy::expect_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod access;
mod actions;
mod bad_input;
mod calls;
mod export;
mod groups;
mod health;
mod holds;
mod matrix;
mod metrics;
mod mounted;
mod openapi;
mod pages;
mod pages_entry;
mod pages_integrity;
mod pages_list;
mod pages_policies;
mod pages_settings;
mod pages_trial;
mod pages_usage;
mod payloads;
mod problems;
mod proofs;
mod serving;
mod settings;
mod sign_in;
mod sign_in_limits;
mod support;
mod tail;
mod tenants;
mod tokens;
mod trusted_proxy;
mod usage;
mod views;
mod why;
