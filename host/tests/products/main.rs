//! Five very different platforms: each sends its events and runs the queries of its users, as each of its roles.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod agents;
mod ai_platform;
mod cluster;
mod gateway;
mod odoo;
mod support;
