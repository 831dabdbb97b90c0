//! Write a policy of mcp-audit-log, or an extension of one.
//!
//! ```ignore
//! use mcp_audit_log_policy_sdk::prelude::*;
//!
//! struct Mine;
//! export_policy!(Mine);
//!
//! impl Policy for Mine { /* manifest, rule, access */ }
//! ```
//!
//! A component gets an allocator that fits one call, and the message of a panic reaches `mcp-audit-log policy test` and
//! `policy check`. Tables for groups, rights and record rules are in [`security`], short forms of what a manifest
//! declares in [`declare`], domains in [`domain`], and what a rule needs in [`verdict`] and [`json`].

mod component;
pub mod declare;
pub mod domain;
pub mod json;
#[cfg(target_arch = "wasm32")]
mod memory;
mod panic_message;
pub mod retention;
pub mod security;
pub mod settings;
pub mod verdict;

pub use component::{ExportedExtension, ExportedPolicy, Extension, Policy};

/// The bindings that wit-bindgen generates for a policy.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "audit-policy",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        default_bindings_module: "mcp_audit_log_policy_sdk::bindings",
    });
}

/// The bindings that wit-bindgen generates for an extension, with the same types.
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
#[doc(hidden)]
pub mod extension_bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "audit-extension",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        default_bindings_module: "mcp_audit_log_policy_sdk::extension_bindings",
        with: { "mcp-audit-log:policy/types@0.7.0": crate::bindings::mcp_audit_log::policy::types },
    });
}

/// The types of the contract.
pub mod contract {
    pub use super::bindings::exports::mcp_audit_log::policy::policy::PolicyManifest;
    pub use super::bindings::mcp_audit_log::policy::types::*;
    pub use super::extension_bindings::exports::mcp_audit_log::policy::extension::{
        AccessEffect, AccessLine, Amendment, ChangeEdit, ChangeEffect, ExtensionManifest, Keeping,
    };
}

/// Everything that a small policy needs.
pub mod prelude {
    pub use super::contract::*;
    pub use super::declare::*;
    pub use super::domain::{all_of, always, among, any_of, compare, equal, is, is_not, never, own};
    pub use super::security::{
        Right, Role, Rule, Security, all_entries, known_by_name, own_entries, role, same_instance,
    };
    pub use super::settings::{LOG_PAYLOADS, PAYLOAD_RETENTION_DAYS, RETENTION_DAYS, USAGE_RETENTION_DAYS};
    pub use super::settings::{integer, is_on};
    pub use super::verdict::{by_id, by_name, called, cut, is_action, text_fact};
    pub use super::{Extension, Policy, export_extension, export_policy};
}
