//! (short: the feature's parts) Alerts on saved views.

pub(crate) mod api;
pub(crate) mod page;
