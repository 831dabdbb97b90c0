//! (short: the contract itself is in the index) SQLite keeps the contract of a store.

use std::sync::Arc;

use super::super::files::{SqliteSource, database, lock};
use super::super::writer::SqliteStore;
use mcp_audit_log_index::contract::{Opened, Subject, check};

/// A folder that is removed when this is dropped.
struct Folder(tempfile::TempDir);

impl Subject for Folder {
    fn open(&self) -> Opened {
        let path = database(self.0.path());
        let store = SqliteStore::open(&path, lock(self.0.path()).expect("a lock")).expect("a log");
        Opened { store: Box::new(store), source: Arc::new(SqliteSource::new(path)) }
    }
}

#[test]
fn sqlite_keeps_the_contract() {
    check(&|| Box::new(Folder(tempfile::tempdir().expect("a folder"))));
}
