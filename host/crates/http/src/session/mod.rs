//! Sessions: from a request's credentials to the visitor that handlers take.

pub(crate) mod auth;
pub(crate) mod cookie;
pub(crate) mod page_clock;
pub(crate) mod times;
