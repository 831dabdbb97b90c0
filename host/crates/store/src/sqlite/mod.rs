//! The log in SQLite: one file, one writer, any number of readers.

mod alerts;
mod backup;
mod checkpoints;
mod columns;
mod commons;
mod connection;
mod few;
mod files;
mod holds;
mod ids;
mod judged_by;
mod layout;
mod open_files;
mod packed;
mod payloads;
mod rows;
mod schema;
mod snapshot;
mod states;
mod tools;
mod transaction;
mod upgrade;
mod verify;
mod views;
mod writer;

pub use backup::copy_databases;
pub use columns::show_columns;
pub use files::{lock, open, open_to_read};
pub use upgrade::{Upgraded, old_log};
pub use verify::{COUNT as CHECKS, VerifyProgress, verify};
pub use writer::{SqliteStore, SqliteWriter};

use mcp_audit_log_index::{StoreError, StoreFailure};

/// Adds to an SQLite error what the store was doing.
trait SqlContext<T> {
    fn context(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> SqlContext<T> for rusqlite::Result<T> {
    fn context(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| match failure(&source) {
            Some(failure) => StoreError::Database { doing, failure, source: source.into() },
            None => StoreError::Deadline(connection::DEADLINE.as_secs()),
        })
    }
}

/// The kind of the failure; `None` if SQLite was stopped, which only the deadline of a reader does.
fn failure(error: &rusqlite::Error) -> Option<StoreFailure> {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows, SqliteFailure,
    };
    use rusqlite::ErrorCode::{
        ConstraintViolation, DatabaseCorrupt, NotADatabase, OperationInterrupted, TooBig, TypeMismatch,
    };
    Some(match error {
        SqliteFailure(error, _) => match error.code {
            OperationInterrupted => return None,
            ConstraintViolation | TooBig | TypeMismatch => StoreFailure::Refused,
            DatabaseCorrupt | NotADatabase => StoreFailure::Damaged,
            _ => StoreFailure::Unavailable,
        },
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | QueryReturnedNoRows => {
            StoreFailure::Damaged
        }
        _ => StoreFailure::Unavailable,
    })
}

#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
