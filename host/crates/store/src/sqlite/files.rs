//! The log's file as readers know it: a small pool of connections that can only read.

use std::fs::{self, File, TryLockError};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use uuid::Uuid;

use super::texts::Texts;
use super::{Doing, SqliteWriter, connection, groups, pages, payloads, usage, values};
use crate::{
    Extent, GroupQuery, Groups, Page, PageQuery, Place, StoreError, StoredPayload, Usage, UsageQuery, Values, private,
};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;

/// Reading connections that are kept for the next reader.
const IDLE_READERS: usize = 4;

/// A log's folder, open for reading.
#[derive(Clone)]
pub struct Files {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    pub(super) texts: Texts,
}

impl Files {
    /// Opens the log in `folder` for reading and writing, creating both where they are missing.
    ///
    /// # Errors
    /// The folder cannot be used, another process writes the log, or the file is no log.
    pub fn open(folder: &Path) -> Result<(Self, SqliteWriter), StoreError> {
        let unusable = |reason| StoreError::Folder { path: folder.to_owned(), reason };
        private::folder(folder).map_err(unusable)?;
        let lock = Self::lock(folder)?;
        let path = database(folder);
        private::file(&path).map_err(unusable)?;
        let writer = SqliteWriter::open(&path, lock)?;
        Ok((Self { path, idle: Arc::default(), texts: Texts::default() }, writer))
    }

    /// Keeps others from writing the log in `folder`, and from starting it, for as long as the file is open.
    ///
    /// # Errors
    /// Another process has the log, or the folder cannot be used.
    pub fn lock(folder: &Path) -> Result<File, StoreError> {
        let unusable = |reason| StoreError::Folder { path: folder.to_owned(), reason };
        let lock = private::file(&folder.join("mcp-audit-log.lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(reason)) => Err(unusable(reason)),
        }
    }

    /// Opens the log in `folder` for reading only, beside a process that may be writing it.
    ///
    /// # Errors
    /// There is no log.
    pub fn open_to_read(folder: &Path) -> Result<Self, StoreError> {
        let path = database(folder);
        if !path.is_file() {
            return Err(StoreError::Missing(folder.to_owned()));
        }
        Ok(Self { path, idle: Arc::default(), texts: Texts::default() })
    }

    /// Runs `read` on a connection, with the deadline set.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let pooled = idle().pop();
        let mut connection = pooled.map_or_else(|| connection::reader(&self.path), Ok)?;
        connection::start_deadline(&mut connection)?;
        // One transaction, so that everything that is read is of one moment.
        let transaction = connection.transaction().doing("reading the log")?;
        let result = read(&transaction);
        drop(transaction);
        connection::end_deadline();
        if result.is_ok() && idle().len() < IDLE_READERS {
            idle().push(connection);
        }
        result.map_err(|error| match error {
            StoreError::Database { source, .. }
                if source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
            {
                StoreError::Deadline(connection::DEADLINE.as_secs())
            }
            other => other,
        })
    }

    /// One page, newest first.
    ///
    /// # Errors
    /// The database fails, or the deadline passes.
    pub fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        self.read(|connection| pages::page(connection, &self.texts, query))
    }

    /// Entries above `after`, oldest first.
    ///
    /// # Errors
    /// The database fails, or the deadline passes.
    pub fn after(&self, domain: &Domain, after: Option<u64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let from = after.map_or(Place::Oldest, Place::After);
        let mut page = self.page(&PageQuery { domain: domain.clone(), from, limit })?;
        page.entries.reverse();
        Ok(page.entries)
    }

    /// The entries at `places` that match, oldest first; at most `limit`. It looks at nothing outside of them.
    ///
    /// # Errors
    /// The database fails, or the deadline passes.
    pub fn stretch(&self, domain: &Domain, places: Range<u64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(|connection| pages::stretch(connection, &self.texts, domain, places, limit))
    }

    /// Groups of entries.
    ///
    /// # Errors
    /// There are too many, the database fails, or the deadline passes.
    pub fn groups(&self, query: &GroupQuery) -> Result<Groups, StoreError> {
        self.read(|connection| groups::groups(connection, &self.texts, query))
    }

    /// Usage over a range of time.
    ///
    /// # Errors
    /// There are too many values to count, the database fails, or the deadline passes.
    pub fn usage(&self, query: &UsageQuery) -> Result<Usage, StoreError> {
        self.read(|connection| usage::usage(connection, &self.texts, query))
    }

    /// The values that `field` has among the entries that match `domain`; at most `limit`, in order. Unless that is all
    /// of them, among the newest million.
    ///
    /// # Errors
    /// The database fails, or the deadline passes.
    pub fn values(&self, domain: &Domain, field: Field, limit: usize) -> Result<Values, StoreError> {
        self.read(|connection| values::values(connection, &self.texts, domain, field, limit))
    }

    /// The payload of an entry, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn payload(&self, seq: u64) -> Result<Option<StoredPayload>, StoreError> {
        self.read(|connection| payloads::find(connection, seq).doing("reading a payload"))
    }

    /// The entry with this id, if `domain` lets it exist; the first one where several instances have entries of this id.
    ///
    /// # Errors
    /// The database fails.
    pub fn entry(&self, id: Uuid, domain: &Domain) -> Result<Option<Entry>, StoreError> {
        let by_id = Domain::equals(Field::Id, id.to_string());
        let page = self.page(&PageQuery { domain: by_id.and(domain.clone()), from: Place::Oldest, limit: 1 })?;
        Ok(page.entries.into_iter().next())
    }

    /// How large the log is. The count comes from the ends, since there are no holes.
    ///
    /// # Errors
    /// The database fails.
    pub fn extent(&self) -> Result<Extent, StoreError> {
        let sql = "SELECT (SELECT min(seq) FROM entry), (SELECT max(seq) FROM entry),
            (SELECT recorded_at FROM entry ORDER BY seq LIMIT 1), (SELECT recorded_at FROM entry ORDER BY seq DESC LIMIT 1),
            (SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())";
        let journal_bytes = fs::metadata(self.path.with_extension("db-wal")).map_or(0, |data| data.len());
        self.read(|connection| {
            let extent = |row: &rusqlite::Row<'_>| {
                let ends: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
                let time = |at: usize| row.get::<_, Option<i64>>(at).map(|micros| micros.map(Timestamp::from_micros));
                let entries = ends.0.zip(ends.1).map_or(0, |(first, last)| (last - first + 1).unsigned_abs());
                let bytes = row.get::<_, i64>(4)?.unsigned_abs();
                Ok(Extent { entries, bytes, journal_bytes, oldest: time(2)?, newest: time(3)? })
            };
            connection.query_row(sql, [], extent).doing("measuring the log")
        })
    }
}

pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("mcp-audit-log.db")
}
