//! The log's file as readers know it: a small pool of connections that can only read.

use std::collections::BTreeMap;
use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::sql::Condition;
use super::{Doing, SqliteWriter, columns, connection, rows};
use crate::domain::Domain;
use crate::entry::Entry;
use crate::schedule::CronState;
use crate::store::{Extent, Page, PageQuery, StoreError, StoredPayload, private};
use crate::time::Timestamp;
use crate::value::Value;

/// Reading connections that are kept for the next reader.
const IDLE_READERS: usize = 4;

/// A log's folder, open for reading.
#[derive(Clone)]
pub struct Files {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Files {
    /// Opens the log in `folder` for reading and writing, creating both where they are missing.
    ///
    /// # Errors
    /// The folder cannot be used, another process writes the log, or the file is no log.
    pub fn open(folder: &Path) -> Result<(Self, SqliteWriter), StoreError> {
        let unusable = |reason| StoreError::Folder { path: folder.to_owned(), reason };
        private::folder(folder).map_err(unusable)?;
        let lock = private::file(&folder.join("mcp-audit.lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(reason)) => return Err(unusable(reason)),
        }
        let path = database(folder);
        private::file(&path).map_err(unusable)?;
        let writer = SqliteWriter::open(&path, lock)?;
        Ok((Self { path, idle: Arc::default() }, writer))
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
        Ok(Self { path, idle: Arc::default() })
    }

    /// Runs `read` on a connection, with the deadline set.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let pooled = idle().pop();
        let mut connection = pooled.map_or_else(|| connection::reader(&self.path), Ok)?;
        connection::start_deadline(&mut connection)?;
        let result = read(&connection);
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
    pub(crate) fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        let mut condition = Condition::new(&query.domain);
        if let Some(before) = query.before {
            condition.sql =
                format!("({}) AND entry.seq < {}", condition.sql, i64::try_from(before).unwrap_or(i64::MAX));
        }
        let sql = format!(
            "SELECT {} FROM entry WHERE {} ORDER BY seq DESC LIMIT {}",
            *columns::SELECT,
            condition.sql,
            query.limit.saturating_add(1)
        );
        let mut entries = self.entries(&sql, &condition)?;
        let more = entries.len() > query.limit;
        entries.truncate(query.limit);
        let next = entries.last().map(|entry| entry.seq).filter(|_| more);
        Ok(Page { entries, next })
    }

    /// Entries above `after`, oldest first.
    ///
    /// # Errors
    /// The database fails, or the deadline passes.
    pub(crate) fn after(&self, domain: &Domain, after: Option<u64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let condition = Condition::new(domain);
        let after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT {} FROM entry WHERE ({}) AND entry.seq > {after} ORDER BY seq LIMIT {limit}",
            *columns::SELECT,
            condition.sql
        );
        self.entries(&sql, &condition)
    }

    fn entries(&self, sql: &str, condition: &Condition) -> Result<Vec<Entry>, StoreError> {
        let doing = "reading entries";
        self.read(|connection| {
            let mut statement = connection.prepare(sql).doing(doing)?;
            let mut found = statement.query(rows::borrowed(&condition.parameters).as_slice()).doing(doing)?;
            let mut entries = Vec::new();
            while let Some(row) = found.next().doing(doing)? {
                entries.push(rows::entry(row)?);
            }
            Ok(entries)
        })
    }

    /// The payload of an entry, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) fn payload(&self, seq: u64) -> Result<Option<StoredPayload>, StoreError> {
        let sql = "SELECT salt, request, response, notes FROM payload WHERE seq = ?1";
        self.read(|connection| {
            let payload = |row: &rusqlite::Row<'_>| {
                let notes = serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default();
                Ok(StoredPayload { salt: row.get(0)?, request: row.get(1)?, response: row.get(2)?, notes })
            };
            connection.query_row(sql, [seq as i64], payload).optional().doing("reading a payload")
        })
    }

    /// The entry with this id, if `domain` lets it exist.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) fn entry(&self, id: Uuid, domain: &crate::domain::Domain) -> Result<Option<Entry>, StoreError> {
        let by_id = crate::domain::Domain::equals(crate::field::Field::Id, id.to_string());
        let page = self.page(&PageQuery { domain: by_id.and(domain.clone()), before: None, limit: 1 })?;
        Ok(page.entries.into_iter().next())
    }

    /// The settings that were ever changed.
    ///
    /// # Errors
    /// The database fails.
    pub fn settings(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT key, value FROM setting").doing("reading settings")?;
            let setting = |row: &rusqlite::Row<'_>| {
                let value: String = row.get(1)?;
                Ok((row.get(0)?, serde_json::from_str(&value).unwrap_or(Value::Unset)))
            };
            statement.query_map([], setting).and_then(Iterator::collect).doing("reading settings")
        })
    }

    /// What is remembered about scheduled jobs.
    ///
    /// # Errors
    /// The database fails.
    pub fn crons(&self) -> Result<BTreeMap<String, CronState>, StoreError> {
        let sql = "SELECT name, next_run, last_run, last_succeeded, last_message FROM cron";
        self.read(|connection| {
            let mut statement = connection.prepare(sql).doing("reading scheduled jobs")?;
            let cron = |row: &rusqlite::Row<'_>| {
                let time = |at: usize| row.get::<_, Option<i64>>(at).map(|micros| micros.map(Timestamp::from_micros));
                let state = CronState {
                    next_run: time(1)?,
                    last_run: time(2)?,
                    last_succeeded: row.get(3)?,
                    last_message: row.get(4)?,
                };
                Ok((row.get(0)?, state))
            };
            statement.query_map([], cron).and_then(Iterator::collect).doing("reading scheduled jobs")
        })
    }

    /// How large the log is. The count comes from the ends, since there are no holes.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) fn extent(&self) -> Result<Extent, StoreError> {
        let sql = "SELECT (SELECT min(seq) FROM entry), (SELECT max(seq) FROM entry),
            (SELECT recorded_at FROM entry ORDER BY seq LIMIT 1), (SELECT recorded_at FROM entry ORDER BY seq DESC LIMIT 1)";
        let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
        let bytes = size(&self.path) + size(&self.path.with_extension("db-wal"));
        self.read(|connection| {
            let extent = |row: &rusqlite::Row<'_>| {
                let ends: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
                let time = |at: usize| row.get::<_, Option<i64>>(at).map(|micros| micros.map(Timestamp::from_micros));
                let entries = ends.0.zip(ends.1).map_or(0, |(first, last)| (last - first + 1).unsigned_abs());
                Ok(Extent { entries, bytes, oldest: time(2)?, newest: time(3)? })
            };
            connection.query_row(sql, [], extent).doing("measuring the log")
        })
    }
}

fn database(folder: &Path) -> PathBuf {
    folder.join("mcp-audit.db")
}
