//! What a policy declares and grants: the sandbox fills these types in, and the crates above read them.
//!
//! The modules, from the bottom up; each uses only those above it:

/// Viewers and what they may do.
pub mod access;

/// What a policy reads of an event.
pub mod depends;
/// What an extension of a policy declares.
pub mod extension;
/// What a policy declares.
pub mod manifest;
/// What retention may delete.
pub mod plan;

/// Legal holds.
pub mod hold;
/// Saved views.
pub mod saved_view;
/// What an admin can set.
pub mod settings;
