//! The components that are to be loaded: in memory, or in a file under their digest.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::digest;

/// A component that is to be loaded. The bytes of one in a file are read only where they are needed: its code may have
/// been compiled before.
#[derive(Clone, Debug)]
pub struct ComponentSource {
    digest: String,
    place: ComponentPlace,
}

#[derive(Clone, Debug)]
enum ComponentPlace {
    Memory(Vec<u8>),
    File(PathBuf),
}

impl ComponentSource {
    /// A component in memory.
    pub fn new(component: Vec<u8>) -> Self {
        Self { digest: digest(&component), place: ComponentPlace::Memory(component) }
    }

    /// The component with this digest, in a file.
    pub fn in_file(digest: String, path: PathBuf) -> Self {
        Self { digest, place: ComponentPlace::File(path) }
    }

    /// SHA-256 of the component, as `sha256:` and hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its bytes.
    ///
    /// # Errors
    /// The file is missing, cannot be read, or is another component.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        let path = match &self.place {
            ComponentPlace::Memory(component) => return Ok(Cow::Borrowed(component)),
            ComponentPlace::File(path) => path,
        };
        let component =
            fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        if digest(&component) == self.digest {
            return Ok(Cow::Owned(component));
        }
        Err(io::Error::other(format!("{} is damaged: it does not have the digest of its name", path.display())))
    }

    /// The same in memory.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn read(self) -> io::Result<Self> {
        let component = self.bytes()?.into_owned();
        Ok(Self { place: ComponentPlace::Memory(component), ..self })
    }
}
