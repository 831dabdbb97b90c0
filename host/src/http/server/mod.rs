//! Serving: connections, limits, headers, and threads for reading.

pub(in crate::http) mod connection_slots;
pub(in crate::http) mod middleware;
pub(in crate::http) mod read_scheduler;
pub(in crate::http) mod serve;
