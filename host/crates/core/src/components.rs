//! The components that judged, in the folder `policies` of the log: each is kept under its digest.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_sandbox::{ComponentSource, digest};

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

    /// The component with this digest, to be read where it is needed.
    ///
    /// # Errors
    /// The text is no digest.
    pub fn source(&self, digest: &str) -> io::Result<ComponentSource> {
        Ok(ComponentSource::in_file(digest.to_owned(), self.path(digest)?))
    }

    /// The component with this digest.
    ///
    /// # Errors
    /// It is missing, cannot be read, or is another one.
    pub fn read(&self, digest: &str) -> io::Result<Vec<u8>> {
        Ok(self.source(digest)?.bytes()?.into_owned())
    }

    /// Removes the components that none of `named` is about, such as those of an activation that was refused, and their
    /// compiled code. A file stays for a day, so that an activation that is on its way loses nothing. Gives the digests of
    /// the removed ones; what cannot be looked at or removed stays.
    pub fn remove_leftovers(&self, named: &BTreeSet<String>, now: Timestamp) -> Vec<String> {
        let old = |path: &Path| {
            let written = fs::metadata(path).and_then(|file| file.modified()).ok();
            let written = written.and_then(|at| i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok());
            written.is_some_and(|written| Timestamp::from_micros(written).plus(DAY) < now)
        };
        let mut removed = Vec::new();
        for path in fs::read_dir(&self.0).into_iter().flatten().flatten().map(|file| file.path()) {
            let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".wasm"));
            let Some(digest) = name.map(|hex| format!("sha256:{hex}")).filter(|digest| !named.contains(digest)) else {
                continue;
            };
            // Any other file is none of the log's.
            if self.path(&digest).is_ok() && old(&path) && fs::remove_file(&path).is_ok() {
                for ending in ["compiled", "seal"] {
                    let _ = fs::remove_file(path.with_extension(ending));
                }
                removed.push(digest);
            }
        }
        removed
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
    use mcp_audit_log_model::time::{Clock, SystemClock};

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
    fn only_old_components_that_no_record_names_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Components::of(folder.path());
        let now = || SystemClock.now();
        assert!(kept.remove_leftovers(&BTreeSet::new(), now()).is_empty(), "no folder yet");
        for component in [b"named".as_slice(), b"leftover", b"young"] {
            kept.keep(component).expect("kept");
        }
        let path = |bytes: &[u8], end: &str| kept.path(&digest(bytes)).expect("a path").with_extension(end);
        let foreign = folder.path().join("policies").join("mine.wasm");
        let beside = ["compiled", "seal", "note"].map(|ending| path(b"leftover", ending));
        for path in beside.into_iter().chain([foreign.clone()]) {
            fs::write(path, "x").expect("written");
        }
        let two_days = std::time::Duration::from_secs(2 * 86_400);
        let aged = |path: &Path| {
            let file = fs::File::options().append(true).open(path).expect("a file");
            let before = std::time::SystemTime::UNIX_EPOCH
                + std::time::Duration::from_micros(now().as_micros().unsigned_abs())
                - two_days;
            file.set_modified(before).expect("aged");
        };
        [path(b"named", "wasm"), path(b"leftover", "wasm"), foreign.clone()].iter().for_each(|path| aged(path));
        let named = [digest(b"named")].into();
        assert_eq!(kept.remove_leftovers(&named, now()), [digest(b"leftover")]);
        assert!(kept.read(&digest(b"named")).is_ok() && kept.read(&digest(b"young")).is_ok() && foreign.exists());
        assert!(["wasm", "compiled", "seal"].iter().all(|ending| !path(b"leftover", ending).exists()));
        assert!(path(b"leftover", "note").exists(), "notes are looked at by what they sign");
        assert!(kept.remove_leftovers(&named, now()).is_empty());
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
