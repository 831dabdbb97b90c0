//! Serving: connections, limits, headers, and threads for reading.

pub(crate) mod connection_slots;
pub(crate) mod half_closed;
pub(crate) mod middleware;
pub(crate) mod read_scheduler;
pub(crate) mod serve;
