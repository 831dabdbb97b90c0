//! The signer's files; each error names the path.

use std::fs;
use std::io;
use std::path::Path;

use super::SignerError;
use crate::file;

/// The bytes of a file, if it exists.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, SignerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(SignerError::File { path: path.to_owned(), reason }),
    }
}

/// Replaces a file with these bytes. Durable when this returns.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SignerError> {
    file::replace(path, bytes).map_err(|reason| SignerError::File { path: path.to_owned(), reason })
}

/// Whether all users of the machine may read the file. A group may: containers get secrets this way.
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
