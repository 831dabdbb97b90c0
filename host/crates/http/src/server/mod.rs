//! Serving: connections, limits and headers.

pub(crate) mod connection_slots;
pub(crate) mod half_closed;
pub(crate) mod http2;
pub(crate) mod middleware;
pub(crate) mod serve;
pub(crate) mod timed_body;
