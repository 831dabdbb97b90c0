//! The writer: it appends and prunes entries, with their texts, their leaves and their index.

mod cleanup;
mod gc_dictionary;
mod ids;
mod rebuild;
mod writer;

pub use writer::{Store, StoreWriter, Work};
