//! Usage, as API and as page.

pub(in crate::http) mod api;
pub(in crate::http) mod page;
