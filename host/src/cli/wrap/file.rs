//! The file of a client: replaced as a whole, with its mode and owner, and with a copy of what was there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mcp_audit_log::time::{Clock, SystemClock};

/// A file as it was read.
pub(super) struct ClientFile {
    /// The file itself, where its path is a link.
    path: PathBuf,
    pub(super) text: String,
}

impl ClientFile {
    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not text.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let path = match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            path => path?,
        };
        let text = fs::read_to_string(&path)?;
        Ok(Some(Self { path, text }))
    }

    /// Replaces the file. Returns the path of the copy of what was there.
    ///
    /// # Errors
    /// The file was changed since it was read, or it or its copy cannot be written. The file is as it was.
    pub(super) fn replace(&self, text: &str) -> io::Result<PathBuf> {
        let backup = self.backup()?;
        let new = beside(&self.path, "new");
        let written = self.write(&new, text).and_then(|()| {
            if fs::read_to_string(&self.path)? != self.text {
                return Err(io::Error::other(
                    "another program changed it meanwhile; close the client and run this again",
                ));
            }
            fs::rename(&new, &self.path)
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&new);
            let _ = fs::remove_file(&backup);
            return Err(error);
        }
        sync_folder(&self.path)?;
        Ok(backup)
    }

    /// A copy of the file beside it, under a name that is free.
    fn backup(&self) -> io::Result<PathBuf> {
        let time = SystemClock.now().to_string().replace([':', '-'], "");
        let time = time.split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned();
        for number in 1..=100 {
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            let path = beside(&self.path, &format!("backup-{time}Z{number}"));
            match self.write(&path, &self.text) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                written => return written.map(|()| path),
            }
        }
        Err(io::Error::other("there are too many copies of it; remove some"))
    }

    /// Writes a new file with the mode and the owner of this one.
    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Not readable by others before it has its mode.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let written = self.dress(&file).and_then(|()| file.write_all(text.as_bytes())).and_then(|()| file.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(path);
        }
        written
    }

    fn dress(&self, file: &File) -> io::Result<()> {
        let is = fs::metadata(&self.path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let new = file.metadata()?;
            if (new.uid(), new.gid()) != (is.uid(), is.gid()) {
                std::os::unix::fs::fchown(file, Some(is.uid()), Some(is.gid()))?;
            }
        }
        file.set_permissions(is.permissions())
    }
}

/// A path beside a file, with something after its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Makes the names in the folder of a file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_keeps_its_mode_its_link_and_a_copy() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        fs::write(&path, "before").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        symlink(&path, &link).expect("a link");
        let mut copies = Vec::new();
        for text in ["one", "two"] {
            let file = ClientFile::read(&link).expect("read").expect("a file");
            copies.push((file.replace(text).expect("replaced"), file.text));
        }
        assert_eq!(fs::read_to_string(&path).expect("text"), "two");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        for path in copies.iter().map(|(copy, _)| copy).chain([&path]) {
            assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o640, "{path:?}");
        }
        assert_eq!(copies.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["before", "one"]);
        for (copy, text) in &copies {
            assert_eq!(&fs::read_to_string(copy).expect("text"), text);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 4, "nothing else is left");
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mcp.json");
        assert!(ClientFile::read(&path).expect("read").is_none());
        fs::write(&path, "before").expect("written");
        let file = ClientFile::read(&path).expect("read").expect("a file");
        fs::write(&path, "by another").expect("written");
        assert!(file.replace("ours").is_err_and(|error| error.to_string().contains("close the client")));
        assert_eq!(fs::read_to_string(&path).expect("text"), "by another");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
