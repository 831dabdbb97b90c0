//! Sessions: from a request's credentials to the visitor that handlers take.

pub(crate) mod auth;
pub(crate) mod cookie;
