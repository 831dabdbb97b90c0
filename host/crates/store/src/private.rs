//! (short: the log and its tokens share it) Folders and files that only their owner may read, because a log holds
//! names, and may hold payloads.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::Path;

/// Creates the folder if it is missing, for its owner only. An existing folder keeps its permissions.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // `recursive` is content with a file in the folder's place.
    fs::read_dir(path).map(drop)
}

/// Creates the file if it is missing, for its owner only. SQLite gives the files beside it the same permissions.
pub(super) fn file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
