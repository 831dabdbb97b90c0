//! The one who appends and prunes: entries, their texts and leaves, and the index that grows with them.

mod cleanup;
mod gc_dictionary;
mod ids;
mod rebuild;
mod writer;

pub use writer::{Store, StoreWriter, Work};
