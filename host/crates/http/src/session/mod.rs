//! Sign-in: credentials, sessions and their pages.

pub(crate) mod auth;
pub(crate) mod cookie;
pub(crate) mod me_api;
pub(crate) mod sign_in;
pub(crate) mod sign_in_audit;
