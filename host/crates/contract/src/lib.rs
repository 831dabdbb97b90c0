//! The declarations and grants of a policy: the sandbox fills in these types, and the crates above read them.
//!
//! The modules, from the bottom up; each uses only those above it:

/// Viewers and what they may do.
pub mod access;

/// Alerts on saved views.
pub mod alert;
/// The parts of an event that a policy reads.
pub mod depends;
/// The declarations of an extension.
pub mod extension;
/// The declarations of a policy.
pub mod manifest;
/// The retention plan.
pub mod plan;

/// Legal holds.
pub mod hold;
/// Which policy judged an entry.
pub mod judged_by;
/// Saved views.
pub mod saved_view;
/// The settings that an admin can change.
pub mod settings;
/// The definitions of tools.
pub mod tool_definition;
