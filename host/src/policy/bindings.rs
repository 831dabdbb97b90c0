//! The contract's types and functions as wasmtime sees them, generated from wit/policy.wit.
#![allow(missing_docs, reason = "generated; wit/policy.wit has the words")]

wasmtime::component::bindgen!({ path: "../wit", world: "audit-policy" });

pub(super) use exports::mcp_audit::policy::policy::*;
