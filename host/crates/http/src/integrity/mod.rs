//! Checkpoints and verification, as API and as page.

pub(crate) mod checkpoints_api;
pub(crate) mod page;
pub(crate) mod verification_api;
