//! The default policy: the contract's functions, each implemented in its own file.
//!
//! Read `manifest.rs` first; like an addon's `__manifest__.py` it lists what is declared where.

mod data;
mod domain;
mod json;
mod manifest;
#[cfg(all(target_arch = "wasm32", feature = "component"))]
mod memory;
mod retention;
mod rules;
mod security;
mod settings;

/// The bindings that wit-bindgen generates from `wit/policy.wit`.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "audit-policy",
        additional_derives: [PartialEq],
        // For policies that build on this one: `mcp_audit_log_policy::bindings::export!(Theirs);`
        pub_export_macro: true,
        default_bindings_module: "mcp_audit_log_policy::bindings",
    });

    // A native build exports nothing; the tests call `Policy` as plain Rust.
    #[cfg(all(target_arch = "wasm32", feature = "component"))]
    export!(Policy with_types_in self);
    #[cfg(all(target_arch = "wasm32", feature = "component"))]
    use super::Policy;
}

/// The contract's types, and the functions of a policy.
pub mod contract {
    pub use super::bindings::exports::mcp_audit_log::policy::policy::{Guest, PolicyManifest};
    pub use super::bindings::mcp_audit_log::policy::types::*;
}

use contract::{Event, Grant, Guest, PolicyManifest, RetentionPlan, Setting, Verdict, Viewer};

/// The default policy.
#[derive(Clone, Copy, Debug)]
pub struct Policy;

impl Guest for Policy {
    fn manifest() -> PolicyManifest {
        manifest::manifest()
    }

    fn judge(settings: Vec<Setting>, events: Vec<Event>) -> Vec<Verdict> {
        rules::judge(&settings, &events)
    }

    fn access(_settings: Vec<Setting>, viewer: Viewer) -> Grant {
        security::access(&viewer)
    }

    fn retention(settings: Vec<Setting>, now: i64) -> RetentionPlan {
        retention::plan(&settings, now)
    }
}
