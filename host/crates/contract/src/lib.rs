//! What a policy declares and grants, as the host holds it: the sandbox fills it in, everything above reads it.
//!
//! The modules, from the bottom up; each uses only those above it:

/// Who is asking and what they may do.
pub mod access;

/// What a policy declares.
pub mod manifest;
/// What retention may delete.
pub mod plan;

/// Legal holds.
pub mod hold;
/// Saved views.
pub mod saved_view;
/// What an admin sets.
pub mod settings;
