//! A lake in a folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::layout::PARTIAL;
use super::store::{LakeError, LakeStore, Placed, StoredObject};

/// A folder with a lake. It must exist: a folder that is made here would lie on the log's own disk where the other one is
/// not mounted.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn failed(what: &Path, error: &io::Error) -> LakeError {
        LakeError::Failed { what: what.display().to_string(), why: error.to_string() }
    }

    fn is_there(&self) -> Result<(), LakeError> {
        match self.path.metadata() {
            Ok(found) if found.is_dir() => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Self::failed(&self.path, &error)),
            _ => Err(LakeError::Missing(self.path.display().to_string())),
        }
    }

    /// Creates the folders above a file, and makes their names durable.
    fn make_room(&self, path: &Path) -> io::Result<()> {
        let missing: Vec<_> = path.ancestors().skip(1).take_while(|folder| !folder.is_dir()).collect();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => folder.parent().map_or(Ok(()), sync)?,
            }
        }
        Ok(())
    }

    /// Writes a file under another name, and links it where nothing is: a reader sees the whole file or none.
    fn place(&self, path: &Path, bytes: &[u8]) -> io::Result<Placed> {
        if path.try_exists()? {
            return Ok(Placed::There);
        }
        self.make_room(path)?;
        let mut name = path.as_os_str().to_owned();
        name.push(PARTIAL);
        let partial = PathBuf::from(name);
        // A crash may have left one, half written.
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let linked = fs::hard_link(&partial, path);
        fs::remove_file(&partial)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::There),
            Err(error) => Err(error),
            Ok(()) => path.parent().map_or(Ok(()), sync).map(|()| Placed::New),
        }
    }

    fn walk(&self, folder: &Path, found: &mut Vec<StoredObject>) -> io::Result<()> {
        for item in fs::read_dir(folder)? {
            let item = item?;
            let (path, kind) = (item.path(), item.file_type()?);
            if kind.is_dir() {
                self.walk(&path, found)?;
            } else if let Ok(name) = path.strip_prefix(&self.path) {
                let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
                found.push(StoredObject { name: parts.join("/"), bytes: item.metadata()?.len() });
            }
        }
        Ok(())
    }
}

impl LakeStore for Folder {
    fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, LakeError> {
        self.is_there()?;
        let path = self.path.join(name);
        let failed = |error: io::Error| Self::failed(&path, &error);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes > most {
            return Err(LakeError::TooLong { name: name.to_owned(), bytes, most });
        }
        let mut read = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        file.take(most).read_to_end(&mut read).map_err(failed)?;
        Ok(Some(read))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<Placed, LakeError> {
        self.is_there()?;
        let path = self.path.join(name);
        self.place(&path, bytes).map_err(|error| Self::failed(&path, &error))
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, LakeError> {
        self.is_there()?;
        let (mut found, path) = (Vec::new(), self.path.join(folder));
        match self.walk(&path, &mut found) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Self::failed(&path, &error)),
            _ => found.sort_unstable(),
        }
        Ok(found)
    }

    fn remove(&self, name: &str) -> Result<(), LakeError> {
        self.is_there()?;
        let path = self.path.join(name);
        match fs::remove_file(&path).and_then(|()| path.parent().map_or(Ok(()), sync)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Self::failed(&path, &error)),
            _ => Ok(()),
        }
    }
}

/// Makes the names in a folder durable. Only some systems can open a folder.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_stored_once_and_never_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Folder::new(folder.path().to_owned());
        let name = "log=a/day=b/c";
        assert_eq!(lake.get(name, 10).expect("asked"), None);
        assert_eq!(lake.put_new(name, b"one").expect("stored"), Placed::New);
        assert_eq!(lake.put_new(name, b"two").expect("asked"), Placed::There);
        assert_eq!(lake.get(name, 3).expect("read"), Some(b"one".to_vec()));
        assert!(matches!(lake.get(name, 2), Err(LakeError::TooLong { bytes: 3, most: 2, .. })));
        fs::write(folder.path().join("log=a/day=b/d.partial"), "half").expect("written");
        assert_eq!(lake.put_new("log=a/day=b/d", b"whole").expect("stored"), Placed::New);
        let list = |folder: &str| lake.list(folder).expect("listed");
        let names: Vec<_> = list("").into_iter().map(|object| (object.name, object.bytes)).collect();
        assert_eq!(names, [(name.to_owned(), 3), ("log=a/day=b/d".to_owned(), 5)]);
        assert_eq!((list("log=a/day=b").len(), list("log=b").len()), (2, 0));
        lake.remove(name).expect("removed");
        lake.remove(name).expect("it is absent");
        assert_eq!(list("").len(), 1);
    }

    #[test]
    fn a_folder_that_is_missing_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Folder::new(folder.path().join("mount"));
        assert!(matches!(lake.put_new("a", b""), Err(LakeError::Missing(_))));
        assert!(matches!(lake.list(""), Err(LakeError::Missing(_))));
        assert!(!folder.path().join("mount").exists());
    }
}
