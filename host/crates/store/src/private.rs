//! (short: the log and its tokens share it) Folders and files that only their owner may read: a log knows who did what, and may hold what was said.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::Path;

/// Makes the folder where it is missing, for its owner only. One that is there keeps its permissions.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // `recursive` is content with a file in the folder's place.
    fs::read_dir(path).map(drop)
}

/// Makes the file where it is missing, for its owner only. SQLite gives the files beside it the same permissions.
pub(super) fn file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
