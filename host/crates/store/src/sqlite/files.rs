//! The log's file for readers: a small pool of connections that can only read.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::commons::CommonCache;
use super::snapshot::SqliteSnapshot;
use super::writer::{SqliteStore, SqliteWriter};
use super::{SqlContext, connection, upgrade};
use crate::private;
use mcp_audit_log_index::{Snapshot, Source, StoreError, StoreReader, StoreSize};

/// The number of idle reading connections that are kept for later readers.
const IDLE_READERS: usize = 4;

/// The file of a log, open for reading.
pub(super) struct SqliteSource {
    path: PathBuf,
    idle: Mutex<Vec<(Connection, CommonCache)>>,
}

/// Opens the log in `folder` for reading and writing, and creates both if they are missing.
///
/// # Errors
/// The folder cannot be used, another process writes the log, or the file is not a log.
pub fn open(folder: &Path) -> Result<(StoreReader, SqliteWriter), StoreError> {
    let unusable = |reason| StoreError::Folder { path: folder.to_owned(), reason };
    private::folder(folder).map_err(unusable)?;
    let lock = lock(folder)?;
    let path = database(folder);
    if upgrade::is_due(folder) {
        upgrade::upgrade(folder)?;
    }
    private::file(&path).map_err(unusable)?;
    let writer = SqliteWriter::new(SqliteStore::open(&path, lock)?)?;
    Ok((reader(path), writer))
}

/// Locks the log in `folder` while the returned file is open: no other process can write the log or create one there.
///
/// # Errors
/// Another process has the log open, or the folder cannot be used.
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
pub fn open_to_read(folder: &Path) -> Result<StoreReader, StoreError> {
    existing(folder).map(reader)
}

/// The database in `folder`.
///
/// # Errors
/// There is no log, or one of an older format.
pub(super) fn existing(folder: &Path) -> Result<PathBuf, StoreError> {
    let path = database(folder);
    match upgrade::is_due(folder) {
        true => Err(StoreError::Old(folder.to_owned())),
        false if path.is_file() => Ok(path),
        false => Err(StoreError::Missing(folder.to_owned())),
    }
}

fn reader(path: PathBuf) -> StoreReader {
    StoreReader::new(Arc::new(SqliteSource::new(path)))
}

impl SqliteSource {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    /// Runs `work` on a connection within one transaction, so that all reads are of one moment.
    fn read<T>(&self, work: impl FnOnce(SqliteSnapshot<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let pooled = idle().pop();
        let new = || Ok((connection::reader(&self.path)?, CommonCache::default()));
        let (mut connection, commons) = pooled.map_or_else(new, Ok)?;
        connection::start_deadline(&mut connection)?;
        let transaction = connection.transaction().context("reading the log")?;
        let result = work(SqliteSnapshot::new(&transaction, &commons));
        drop(transaction);
        connection::end_deadline();
        if result.is_ok() && idle().len() < IDLE_READERS {
            idle().push((connection, commons));
        }
        result
    }
}

impl Source for SqliteSource {
    fn read(&self, work: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.read(|log| work(&log))
    }

    fn size(&self) -> Result<StoreSize, StoreError> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let bytes = |log: SqliteSnapshot<'_>| log.connection.query_row(sql, [], |row| row.get(0));
        let bytes = self.read(|log| bytes(log).context("measuring the log"))?;
        let journal_bytes = fs::metadata(self.path.with_extension("db-wal")).map_or(0, |data| data.len());
        Ok(StoreSize { bytes, journal_bytes })
    }
}

pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("mcp-audit-log.db")
}
