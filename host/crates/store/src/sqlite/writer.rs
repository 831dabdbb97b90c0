//! The only connection that writes: its transactions, checkpoints of the write-ahead log, and recovery after errors.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension};

use super::commons::{CommonCache, CommonNumbers};
use super::open_files::OpenFiles;
use super::transaction::SqliteTransaction;
use super::{SqlContext, connection};
use mcp_audit_log_index::{Store, StoreError, StoreWriter, Work};

/// The writer of a log in SQLite.
pub type SqliteWriter = StoreWriter<SqliteStore>;

/// The number of pages in the write-ahead log above which it is checkpointed.
const CHECKPOINT_PAGES: i64 = 4_000;
/// The same while the cleanup runs. Its steps fill the write-ahead log quickly, and the recorder waits for each
/// checkpoint.
const CLEANUP_CHECKPOINT_PAGES: i64 = 1_000;

/// A log in SQLite, open for writing.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    on_disk: OpenFiles,
    connection: Connection,
    /// What was read and written of the columns that entries have in common.
    commons: CommonCache,
    numbers: RefCell<CommonNumbers>,
    pruning: Arc<AtomicBool>,
    /// Set after an error: the connection's state may differ from the disk.
    broken: bool,
    /// Keeps other processes from writing. It is dropped last.
    lock: File,
}

impl SqliteStore {
    /// Opens the log for writing, and creates it if it is missing.
    ///
    /// # Errors
    /// The file cannot be opened, or it is not a log.
    pub(super) fn open(path: &Path, lock: File) -> Result<Self, StoreError> {
        let pruning = Arc::new(AtomicBool::new(false));
        let connection = connection::writer(path, Arc::clone(&pruning))?;
        Ok(Self {
            path: path.to_owned(),
            on_disk: OpenFiles::of(path),
            connection,
            commons: CommonCache::default(),
            numbers: RefCell::default(),
            pruning,
            broken: false,
            lock,
        })
    }

    /// A handle that keeps other processes from writing while it exists, even after the writer is dropped.
    ///
    /// # Errors
    /// The operating system cannot duplicate the handle.
    pub fn hold_lock(&self) -> std::io::Result<File> {
        self.lock.try_clone()
    }

    /// The connection itself, for tests of the statements that it refuses.
    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Opens a fresh connection after an error. The outcome of the failed transaction is unknown, and only a fresh
    /// connection reads the actual state. The files must be the same, and not a new log in the place of one that was
    /// moved away.
    fn reopen_if_broken(&mut self) -> Result<(), StoreError> {
        self.on_disk.check()?;
        if self.broken {
            self.connection = connection::writer(&self.path, Arc::clone(&self.pruning))?;
            self.broken = false;
        }
        Ok(())
    }

    /// Runs `work` in a transaction, and returns whether it was committed.
    fn run(&mut self, work: Work<'_>) -> Result<bool, StoreError> {
        let doing = "storing entries";
        let transaction = self.connection.transaction().context(doing)?;
        let is_kept = work(&SqliteTransaction::new(&transaction, &self.commons, &self.numbers))?;
        if is_kept {
            transaction.commit().context(doing)?;
        }
        Ok(is_kept)
    }

    /// Checkpoints the write-ahead log once it has `most` pages, as far as this is possible without waiting for a
    /// reader.
    fn checkpoint(&self, most: i64) {
        let pages: rusqlite::Result<i64> =
            self.connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1));
        if pages.is_ok_and(|pages| pages < most) {
            return;
        }
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log could not be checkpointed yet");
        }
    }

    /// Returns some free pages to the file system.
    fn vacuum(&self) {
        let vacuum = self.connection.query_row("PRAGMA incremental_vacuum(200)", [], |_| Ok(())).optional();
        if let Err(error) = vacuum {
            tracing::debug!(%error, "free pages could not be released yet");
        }
    }
}

impl Store for SqliteStore {
    fn transact(&mut self, removal: bool, work: Work<'_>) -> Result<(), StoreError> {
        self.reopen_if_broken()?;
        // Statements that remove are not cached: none that was prepared while deletion was allowed outlives this.
        self.pruning.store(removal, Ordering::Relaxed);
        let done = self.run(work);
        self.pruning.store(false, Ordering::Relaxed);
        self.broken = done.is_err();
        if !matches!(done, Ok(true)) {
            // What was undone may get its numbers again.
            self.commons.clear();
            self.numbers.take();
        }
        let done = done.map(drop);
        if removal {
            self.vacuum();
        }
        if removal || done.is_ok() {
            self.checkpoint(if removal { CLEANUP_CHECKPOINT_PAGES } else { CHECKPOINT_PAGES });
        }
        done
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log stays beside the database; the next start reads it");
        }
    }
}
