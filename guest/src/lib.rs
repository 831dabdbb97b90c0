//! The default policy: the contract's functions, each implemented in its own file.
//!
//! Read `manifest.rs` first; like an addon's `__manifest__.py` it lists what is declared where.

mod data;
mod manifest;
mod rules;
mod security;

pub use mcp_audit_log_policy_sdk as sdk;
pub use mcp_audit_log_policy_sdk::contract;

use contract::{Event, Grant, PolicyManifest, Setting, Verdict, Viewer};
use sdk::Policy;

/// The default policy.
#[derive(Clone, Copy, Debug)]
pub struct DefaultPolicy;

#[cfg(feature = "component")]
sdk::export_policy!(DefaultPolicy);

impl Policy for DefaultPolicy {
    fn manifest() -> PolicyManifest {
        manifest::manifest()
    }

    fn rule(settings: &[Setting], event: &Event) -> Verdict {
        rules::judged(rules::logs_payloads(settings), 0, event)
    }

    fn judge(settings: &[Setting], events: &[Event]) -> Vec<Verdict> {
        rules::judge(settings, events)
    }

    fn access(_: &[Setting], viewer: &Viewer) -> Grant {
        security::SECURITY.access(viewer)
    }
}
