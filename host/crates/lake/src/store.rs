//! Where a lake lies: what it needs of a folder or a bucket.

use std::fmt;
use std::sync::Arc;

use super::folder::Folder;

/// A folder or a bucket. Names have slashes between their parts.
pub trait LakeStore: Send + Sync {
    /// The object of this name; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is longer than `most` bytes.
    fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, LakeError>;

    /// Stores an object, durably and as a whole, unless there is one of this name already: then that one is unchanged.
    ///
    /// # Errors
    /// It may not be stored.
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<Placed, LakeError>;

    /// All objects below a folder, sorted by name; an empty name is the whole lake.
    ///
    /// # Errors
    /// They cannot be listed.
    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, LakeError>;

    /// Removes an object, durably. It may be absent.
    ///
    /// # Errors
    /// It may still be there.
    fn remove(&self, name: &str) -> Result<(), LakeError>;
}

/// An object in a lake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredObject {
    /// Its name.
    pub name: String,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// What became of an object that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is stored.
    New,
    /// There was one of this name. It may be the same, from an attempt whose answer was lost.
    There,
}

/// Why a lake cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// Reading or writing failed.
    #[error("{what}: {why}")]
    Failed {
        /// What was to be read or written.
        what: String,
        /// The reason.
        why: String,
    },
    /// There is no such folder.
    #[error("the folder {0} is missing: create it, or mount the disk that it is on")]
    Missing(String),
    /// An object is longer than what the log would write.
    #[error("{name} has {bytes} bytes, and at most {most} are read")]
    TooLong {
        /// The object.
        name: String,
        /// Its length.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// An address that names no lake.
    #[error("{0:?} is not a lake; name a folder, as in /srv/lake")]
    Address(String),
}

/// A lake: a folder or a bucket, which logs write and anyone verifies. Clones are the same lake.
#[derive(Clone)]
pub struct Lake {
    pub(crate) store: Arc<dyn LakeStore>,
    address: String,
}

impl Lake {
    /// The lake at an address: the path of a folder, also as `file:///path`.
    ///
    /// # Errors
    /// It is not the address of a lake. Whether the lake is there shows when it is used.
    pub fn at(address: &str) -> Result<Self, LakeError> {
        let path = address.strip_prefix("file://").unwrap_or(address);
        if path.is_empty() || path.contains("://") {
            return Err(LakeError::Address(address.to_owned()));
        }
        Ok(Self::on(Arc::new(Folder::new(path.into())), path))
    }

    /// A lake on another store, called so for people.
    pub fn on(store: Arc<dyn LakeStore>, address: &str) -> Self {
        Self { store, address: address.to_owned() }
    }

    /// How many objects it has.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn count(&self) -> Result<usize, LakeError> {
        self.store.list("").map(|objects| objects.len())
    }

    /// Its address, for people.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lake").field(&self.address).finish()
    }
}
