//! What a policy is shown and the log never keeps.

/// A top-level argument of a request, or the `old` and `new` state of a change: its name and its value as JSON text.
/// Shown to the policy, never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The argument's name.
    pub name: String,
    /// Its value as JSON text.
    pub json: String,
}
