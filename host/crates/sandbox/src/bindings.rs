//! (short: generated code) The contract's types and functions as wasmtime sees them, generated from wit/policy.wit.
#![allow(missing_docs, reason = "generated; wit/policy.wit has the words")]

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "audit-policy",
    // The arguments are borrowed from the events, so that a text is copied only once, into the sandbox.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use exports::mcp_audit_log::policy::policy::*;
