//! Checkpoints and verification, as API and as page.

pub(in crate::http) mod checkpoints_api;
pub(in crate::http) mod page;
pub(in crate::http) mod verification_api;
