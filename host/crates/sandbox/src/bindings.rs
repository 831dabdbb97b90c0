//! The contract's types and functions as wasmtime sees them, generated from wit/policy.wit.
#![allow(missing_docs, reason = "generated; wit/policy.wit has the words")]

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "audit-policy",
    // What the policy is told is borrowed from the events, so that no text is copied but into the sandbox.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use exports::mcp_audit_log::policy::policy::*;
