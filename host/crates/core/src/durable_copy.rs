//! Copies of files with their digests, for backups.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::atomic_file;

/// How much of a file is in memory at once, in bytes.
const PIECE: usize = 1 << 20;

/// What identifies the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its length, in bytes.
    pub bytes: u64,
    /// SHA-256, in hex.
    pub sha256: String,
}

impl FileDigest {
    /// That of the file at `path`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        read(path, |_| Ok(()))
    }
}

/// Copies a file to a new one that only its owner may read. Durable when this returns, but for its name; see
/// [`sync_folder`].
///
/// # Errors
/// One of the two cannot be used, or the new one exists.
pub fn copy_file(from: &Path, to: &Path) -> io::Result<FileDigest> {
    let mut file = atomic_file::create(to)?;
    let digest = read(from, |piece| file.write_all(piece))?;
    file.sync_all()?;
    Ok(digest)
}

fn read(path: &Path, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<FileDigest> {
    let (mut file, mut piece) = (File::open(path)?, vec![0; PIECE]);
    let (mut sha, mut bytes) = (Sha256::new(), 0);
    loop {
        let length = file.read(&mut piece)?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { break };
        each(read)?;
        sha.update(read);
        bytes += length as u64;
    }
    let sha256 = sha.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(FileDigest { bytes, sha256 })
}

/// Creates a folder that only its owner may read, and those above it.
///
/// # Errors
/// It cannot be created.
pub fn own_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes the bytes of all files in a folder durable, and their names.
///
/// # Errors
/// One cannot be written.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    for file in fs::read_dir(path)? {
        let file = file?;
        if file.file_type()?.is_file() {
            File::open(file.path())?.sync_all()?;
        }
    }
    atomic_file::sync_folder(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_digest_of_its_bytes_and_replaces_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "abc").expect("written");
        let copied = copy_file(&from, &to).expect("copied");
        assert_eq!(copied.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((copied.bytes, fs::read(&to).expect("read")), (3, b"abc".to_vec()));
        assert_eq!(FileDigest::of(&to).expect("read"), copied);
        assert_eq!(copy_file(&from, &to).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
        let long = vec![7; 2 * PIECE + 1];
        fs::write(&from, &long).expect("written");
        let other = copy_file(&from, &folder.path().join("c")).expect("copied");
        assert_eq!(fs::read(folder.path().join("c")).expect("read"), long);
        assert!(other.bytes == long.len() as u64 && other.sha256 != copied.sha256);
    }
}
