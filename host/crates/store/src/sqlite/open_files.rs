//! Checks that the log's files are still where they were opened. On Unix, writes to a file that was moved or removed
//! still succeed, but no reader finds them.

use std::path::{Path, PathBuf};

use mcp_audit_log_index::StoreError;

/// The files of an open log: their paths and their identities.
#[derive(Debug)]
pub(super) struct OpenFiles(Vec<(PathBuf, Option<Id>)>);

/// Device and inode number, which never change for a file.
type Id = (u64, u64);

impl OpenFiles {
    /// The database at `path` and its write-ahead log, after a connection has opened them.
    pub(super) fn of(path: &Path) -> Self {
        let files = [path.to_owned(), path.with_extension("db-wal")];
        Self(files.map(|file| (file.clone(), id(&file))).to_vec())
    }

    /// # Errors
    /// A file is missing, or another file is in its place.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.0.iter().find(|(file, opened)| opened.is_some() && id(file) != *opened) {
            Some((file, _)) => Err(StoreError::Moved(file.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(unix)]
fn id(path: &Path) -> Option<Id> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// On other systems, an open file cannot be moved.
#[cfg(not(unix))]
fn id(_: &Path) -> Option<Id> {
    None
}
