//! A policy that misbehaves in every way it can, switched by name, so that tests can check the host's boundary.
//!
//! The name is the text setting `evil`, or, for `judge`, an event's target `evil:<name>`; `mode.rs` lists the names.
//! Without a name it is a small, well-behaved policy. Mistakes in its manifest are cargo features.

mod access;
mod fault;
mod judge;
mod manifest;
mod mode;
mod retention;

use mode::Mode;

/// The code that wit-bindgen generates from the contract.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
mod bindings {
    #[cfg(feature = "contract-0-7")]
    wit_bindgen::generate!({ path: "../../wit", world: "audit-policy", additional_derives: [PartialEq] });

    #[cfg(not(any(feature = "imports", feature = "contract-0-7")))]
    wit_bindgen::generate!({ path: "../../wit/0.6", world: "audit-policy", additional_derives: [PartialEq] });

    #[cfg(feature = "imports")]
    wit_bindgen::generate!({
        path: ["../../wit/0.6", "wit"],
        world: "mcp-audit-log:evil/importing",
        additional_derives: [PartialEq],
        generate_all,
    });

    #[cfg(target_arch = "wasm32")]
    use super::EvilPolicy;
    #[cfg(target_arch = "wasm32")]
    export!(EvilPolicy with_types_in self);
}

/// The contract of this build: 0.6, or the current one by a feature.
pub mod contract {
    #[cfg(not(feature = "contract-0-7"))]
    pub use super::bindings::exports::mcp_audit_log::policy::policy::*;
    #[cfg(feature = "contract-0-7")]
    pub use super::bindings::exports::mcp_audit_log::policy::policy::{Guest, PolicyManifest};
    #[cfg(feature = "contract-0-7")]
    pub use super::bindings::mcp_audit_log::policy::types::*;

    /// A right, as in the contract.
    #[cfg(feature = "contract-0-7")]
    pub type Right = String;
}

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
