//! Sign-in: the gate of API and pages, the page that signs browsers in, and the signed-in viewer.

pub(crate) mod gate;
pub(crate) mod me_api;
mod oidc;
pub(crate) mod page;
