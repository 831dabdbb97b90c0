//! The tap: passes traffic through unchanged, clones its chunks and counts them.

pub(in crate::capture) mod body;
pub(in crate::capture) mod exchange;
pub(in crate::capture) mod head;
pub(in crate::capture) mod layer;
pub(in crate::capture) mod observer;
pub(in crate::capture) mod slots;
