//! How a policy can fail.

use super::CONTRACTS;

/// The kinds of failure, as in the `fault` field of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// It ran out of fuel: an endless loop, or far too much work.
    Fuel,
    /// It needed more memory than allowed.
    Memory,
    /// It recursed too deep.
    Stack,
    /// It panicked or trapped otherwise.
    Trap,
    /// Its result is malformed, too large, or does not match the request.
    Result,
    /// The host failed while calling it.
    Host,
    /// It was not called, because it burned its fuel on earlier events. It is tried again later.
    Resting,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Fuel, Self::Memory, Self::Stack, Self::Trap, Self::Result, Self::Host, Self::Resting];

    /// The name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Trap => "trap",
            Self::Result => "result",
            Self::Host => "host",
            Self::Resting => "resting",
        }
    }
}

/// A failed call of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy failed in {function} ({}): {message}", .kind.as_str())]
#[non_exhaustive]
pub struct Fault {
    /// The function that was called.
    pub function: &'static str,
    /// The way of failing.
    pub kind: FaultKind,
    /// Further information.
    pub message: String,
}

impl Fault {
    /// A result that cannot be used.
    pub(super) fn result(function: &'static str, message: impl Into<String>) -> Self {
        Self { function, kind: FaultKind::Result, message: message.into() }
    }

    /// An event that the policy or an extension is not called for.
    pub(super) fn resting(function: &'static str) -> Self {
        let message = "it ran out of fuel on earlier events and is paused";
        Self { function, kind: FaultKind::Resting, message: message.to_owned() }
    }
}

/// A sentence that lists the component's exports and the contracts that this build loads.
fn exported(names: &[String]) -> String {
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    format!("the component exports {names}; a policy exports {}", CONTRACTS.join(" or "))
}

/// Why a policy cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Its file cannot be read, or is another one.
    #[error("the component cannot be read: {0}")]
    Unreadable(String),
    /// The file is larger than any policy may be.
    #[error("the policy has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It is not a WebAssembly component, or has features that policies may not use.
    #[error("not a loadable WebAssembly component: {0}; `mcp-audit-log policy new` writes a folder that builds one")]
    NotAComponent(String),
    /// It imports something beside WASI, which is linked to functions that fail.
    #[error("a policy may not have imports beside wasi:*, but this one imports {}; remove them from its world", .0.join(", "))]
    Imports(Vec<String>),
    /// It exports no contract that this build loads.
    #[error("{}; build it again with wit/policy.wit", exported(.0))]
    Contract(Vec<String>),
    /// It exports a contract by its name, but not by its types.
    #[error("the component does not export {contract} as wit/policy.wit declares it: {reason}")]
    Interface {
        /// The contract that it names.
        contract: &'static str,
        /// The difference.
        reason: String,
    },
    /// It is an extension, but a policy is expected.
    #[error("the component is an extension of a policy; pass it with --extend")]
    NotAPolicy,
    /// It is a policy, but an extension is expected.
    #[error("the component is a policy, not an extension; pass it with --policy")]
    NotAnExtension,
    /// An extension cannot be loaded by itself.
    #[error("extension {name}: {reason}")]
    Extension {
        /// Its name, or its number if the name is unknown.
        name: String,
        /// Why not.
        reason: Box<LoadError>,
    },
    /// The extensions do not fit the policy, or each other.
    #[error("the extensions do not fit: {0}")]
    Stack(String),
    /// Its manifest could not be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Its manifest declares something invalid.
    #[error("the policy's manifest was rejected: {0}")]
    Manifest(String),
}
