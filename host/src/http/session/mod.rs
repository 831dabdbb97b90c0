//! Sign-in: credentials, sessions and their pages.

pub(in crate::http) mod auth;
pub(in crate::http) mod cookie;
pub(in crate::http) mod me_api;
pub(in crate::http) mod sign_in;
pub(in crate::http) mod sign_in_audit;
