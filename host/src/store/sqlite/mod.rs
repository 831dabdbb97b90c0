//! The log in SQLite: one file, one writer, any number of readers.

mod columns;
mod connection;
mod files;
mod place;
mod rows;
mod sql;
mod terms;
mod writer;

pub use files::Files;
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
mod tests;
