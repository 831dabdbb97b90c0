//! The file of an export: under another name until it is whole, and as private as the log.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mcp_audit_log::export::ExportManifest;

/// A file that is being written. If it is dropped before it is kept, it is removed.
pub(super) struct Target {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    force: bool,
}

impl Target {
    /// Opens it under a temporary name.
    pub(super) fn open(path: &Path, force: bool) -> Result<Self, String> {
        refuse_old(path, force)?;
        let partial = beside(path, ".partial");
        let file = private(&partial).map_err(|error| {
            format!("{} cannot be written: {error}; name another file with --output", partial.display())
        })?;
        Ok(Self { file, partial, path: path.to_owned(), force })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Returns when the whole file is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives the file its final name, and writes the manifest beside it.
    pub(super) fn keep(self, manifest: &ExportManifest) -> Result<(), super::Failure> {
        // Once more: an export takes a while.
        refuse_old(&self.path, self.force)?;
        let path = beside(&self.path, ".manifest.json");
        let partial = beside(&path, ".partial");
        let mut file = private(&partial)?;
        writeln!(file, "{}", serde_json::to_string_pretty(manifest)?)?;
        file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        Ok(fs::rename(partial, path)?)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Already removed if the export was kept.
        let _ = fs::remove_file(&self.partial);
    }
}

fn refuse_old(path: &Path, force: bool) -> Result<(), String> {
    match path.exists() && !force {
        true => Err(format!("{} exists; replace it with --force, or name another file", path.display())),
        false => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(ending);
    name.into()
}

/// A new file that only its owner may read. It replaces the rest of an aborted export.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)
        }
        opened => opened,
    }
}
