//! Files that are there as a whole or not at all, and that only their owner may read.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::SignerError;

/// The bytes of a file, where there is one.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, SignerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(SignerError::File { path: path.to_owned(), reason }),
    }
}

/// Puts a file with these bytes in the place of the one that is there. Durable when this returns.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SignerError> {
    try_replace(path, bytes).map_err(|reason| SignerError::File { path: path.to_owned(), reason })
}

fn try_replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".new");
    let new = path.with_file_name(name);
    // One that a crash left half-written, whoever may read it.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The folder holds the name; only some systems let it be opened.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whether everybody on the machine may read the file. A group may: that is how secrets are handed to containers.
#[cfg(unix)]
pub(super) fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o007 != 0)
}

/// Permissions of this kind exist on Unix only.
#[cfg(not(unix))]
pub(super) fn is_open(_path: &Path) -> bool {
    false
}
