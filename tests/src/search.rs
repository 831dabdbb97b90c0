//! A search through every byte of every file of a folder.

use std::path::{Path, PathBuf};

/// The files below `folder` that have `needle` somewhere in their bytes.
pub fn files_with(folder: &Path, needle: &str) -> Vec<PathBuf> {
    let files = files(folder);
    assert!(!files.is_empty(), "{} has no files to search", folder.display());
    files.into_iter().filter(|file| has(file, needle.as_bytes())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a file").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A file that vanished between listing and reading holds nothing any more.
fn has(file: &Path, needle: &[u8]) -> bool {
    match std::fs::read(file) {
        Ok(bytes) => bytes.windows(needle.len()).any(|window| window == needle),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => panic!("{}: {error}", file.display()),
    }
}
