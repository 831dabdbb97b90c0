//! Five very different platforms: each plays what it logs today and asks what its people ask, as each of its roles.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod agents;
mod ai_platform;
mod cluster;
mod gateway;
mod odoo;
mod world;
