//! Usage, as API and as page.

pub(crate) mod api;
pub(crate) mod page;
