//! One entry: its page, payload, proof, related entries, and why it is as it is.

pub(crate) mod api;
mod compare;
pub(crate) mod diff;
pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod payload;
pub(crate) mod proof;
pub(crate) mod related;
pub(crate) mod why;
