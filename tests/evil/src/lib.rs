//! A policy that misbehaves in every way it can, switched by name, so that tests can hold the host to its boundary.
//!
//! The name is the text setting `evil`, or, for `judge`, an event's target `evil:<name>`; `mode.rs` lists the names.
//! Without one it is a small, decent policy. What is wrong with its manifest is a cargo feature.

mod access;
mod fault;
mod judge;
mod manifest;
mod mode;
mod retention;

use mode::Mode;

/// What wit-bindgen makes of the contract.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
mod bindings {
    #[cfg(not(feature = "imports"))]
    wit_bindgen::generate!({ path: "../../wit", world: "audit-policy", additional_derives: [PartialEq] });

    #[cfg(feature = "imports")]
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "mcp-audit-log:evil/importing",
        additional_derives: [PartialEq],
        generate_all,
    });

    #[cfg(target_arch = "wasm32")]
    use super::EvilPolicy;
    #[cfg(target_arch = "wasm32")]
    export!(EvilPolicy with_types_in self);
}

pub use bindings::exports::mcp_audit_log::policy::policy as contract;
use contract::{Event, Grant, Guest, PolicyManifest, RetentionPlan, Setting, Verdict, Viewer};

/// The evil policy.
#[derive(Clone, Copy, Debug)]
pub struct EvilPolicy;

impl Guest for EvilPolicy {
    fn manifest() -> PolicyManifest {
        manifest::manifest()
    }

    fn judge(settings: Vec<Setting>, events: Vec<Event>) -> Vec<Verdict> {
        judge::judge(&settings, &events)
    }

    fn access(settings: Vec<Setting>, viewer: Viewer) -> Grant {
        access::access(Mode::of_settings(&settings), &viewer)
    }

    fn retention(settings: Vec<Setting>, now: i64) -> RetentionPlan {
        retention::plan(Mode::of_settings(&settings), now)
    }
}
