//! (short: generated code) The contracts' types and functions as wasmtime sees them, generated from wit/.
#![allow(missing_docs, reason = "generated; the files in wit/ have the words")]

wasmtime::component::bindgen!({
    // One world for both interfaces, so that they share their types. A component exports one of them.
    inline: "
        package mcp-audit-log:host;
        world contract {
            export mcp-audit-log:policy/policy@0.7.0;
            export mcp-audit-log:policy/extension@0.7.0;
        }
    ",
    path: "wit",
    world: "mcp-audit-log:host/contract",
    // The arguments are borrowed from the events, so that a text is copied only once, into the sandbox.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use exports::mcp_audit_log::policy::{extension, policy};
pub(super) use mcp_audit_log::policy::types::*;

/// The previous contract, which policies may still use.
pub(super) mod v0_6 {
    wasmtime::component::bindgen!({
        path: "wit/0.6",
        world: "audit-policy",
        ownership: Borrowing { duplicate_if_necessary: true },
    });

    pub(in super::super) use exports::mcp_audit_log::policy::policy::*;
}
