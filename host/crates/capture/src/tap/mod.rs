//! The tap: passes traffic through unchanged, clones its chunks and counts them.

pub(crate) mod body;
pub(crate) mod exchange;
pub(crate) mod head;
pub(crate) mod layer;
pub(crate) mod observer;
pub(crate) mod slots;
pub(crate) mod turn;
