//! The components that judged, in the folder `policies` of the log: each is kept under its digest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mcp_audit_log_sandbox::digest;

use crate::atomic_file;

/// The components of one log.
#[derive(Clone, Debug)]
pub struct Components(PathBuf);

impl Components {
    /// Those of the log in `folder`.
    pub fn of(folder: &Path) -> Self {
        Self(folder.join("policies"))
    }

    /// Keeps a component, if it is not there yet. Durable when this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, component: &[u8]) -> io::Result<()> {
        let digest = digest(component);
        if self.read(&digest).is_ok() {
            return Ok(());
        }
        fs::create_dir_all(&self.0)?;
        atomic_file::sync_folder(self.0.parent().unwrap_or(Path::new(".")))?;
        atomic_file::replace(&self.path(&digest)?, component)
    }

    /// The component with this digest.
    ///
    /// # Errors
    /// It is missing, cannot be read, or is another one.
    pub fn read(&self, named: &str) -> io::Result<Vec<u8>> {
        let path = self.path(named)?;
        let component =
            fs::read(&path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        if digest(&component) == named {
            return Ok(component);
        }
        Err(io::Error::other(format!("{} is damaged: it does not have the digest of its name", path.display())))
    }

    /// Keeps the notes that sign components, so that the next start finds them. Durable when this returns.
    ///
    /// # Errors
    /// One cannot be written.
    pub fn keep_notes(&self, notes: &[Vec<u8>]) -> io::Result<()> {
        for note in notes {
            let path = self.path(&digest(note))?.with_extension("note");
            if !path.exists() {
                atomic_file::replace(&path, note)?;
            }
        }
        Ok(())
    }

    /// The notes that were kept. They say who signed a component only where their signatures are checked.
    pub fn notes(&self) -> Vec<Vec<u8>> {
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten().map(|file| file.path());
        let notes = files.filter(|path| path.extension().is_some_and(|extension| extension == "note"));
        notes.filter_map(|path| fs::read(path).ok()).collect()
    }

    fn path(&self, digest: &str) -> io::Result<PathBuf> {
        let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
        let hex = hex.filter(|hex| hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        let hex = hex.ok_or_else(|| io::Error::other(format!("{digest:?} is not the digest of a component")))?;
        Ok(self.0.join(format!("{hex}.wasm")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_kept_under_its_digest_and_a_damaged_one_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Components::of(folder.path());
        let name = digest(b"a component");
        assert_eq!(kept.read(&name).expect_err("missing").kind(), io::ErrorKind::NotFound);
        kept.keep(b"a component").expect("kept");
        kept.keep(b"a component").expect("kept already");
        assert_eq!(kept.read(&name).expect("read"), b"a component");
        let path = folder.path().join("policies").join(format!("{}.wasm", &name[7..]));
        fs::write(&path, "another").expect("written");
        assert!(kept.read(&name).expect_err("another").to_string().contains("damaged"));
        kept.keep(b"a component").expect("kept again");
        assert_eq!(kept.read(&name).expect("read"), b"a component");
    }

    #[test]
    fn a_digest_names_no_other_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Components::of(folder.path());
        let hex = "a".repeat(64);
        for name in [hex.clone(), format!("sha256:{}", "A".repeat(64)), format!("sha256:../{}", &hex[3..])] {
            assert!(kept.read(&name).expect_err("refused").to_string().contains("not the digest"), "{name}");
        }
    }
}
