//! One entry: its page, payload, proof and related entries.

pub(in crate::http) mod api;
pub(in crate::http) mod diff;
pub(in crate::http) mod json;
pub(in crate::http) mod page;
pub(in crate::http) mod payload;
pub(in crate::http) mod proof;
pub(in crate::http) mod related;
