//! The log in SQLite: one file, one writer, any number of readers.

mod axis;
mod blocks;
mod catch_up;
mod checkpoints;
mod columns;
mod connection;
mod files;
mod find;
mod groups;
mod holds;
mod ids;
mod leaves;
mod lexicon;
mod on_disk;
mod pages;
mod past;
mod payloads;
mod places;
mod proofs;
mod rows;
mod schema;
mod sought;
mod sql;
mod states;
mod sweep;
mod terms;
mod texts;
mod tiles;
mod tree;
mod usage;
mod values;
mod verify;
mod views;
mod walk;
mod writer;

pub use checkpoints::Mark;
pub use files::Files;
pub use tiles::Tiles;
pub use verify::{COUNT as CHECKS, Tell, verify};
pub use writer::SqliteWriter;

use super::StoreError;

/// Names what was being done when SQLite failed.
trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database { doing, source })
    }
}

#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
