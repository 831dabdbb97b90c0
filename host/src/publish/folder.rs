//! A folder of checkpoints: best on a disk, or below a mount, that the log's owner can add to and not rewrite.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Place, Published};

/// The file with the newest checkpoint.
const NEWEST: &str = "checkpoint";

pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Place for Folder {
    /// A file that is never written again, named so that a listing is in order, and the same as the newest.
    fn put(&mut self, published: &Published) -> Result<(), String> {
        let name = format!("{:020}-{:010}", published.size, published.number);
        let put = || {
            fs::create_dir_all(&self.0)?;
            write(&self.0.join(name), &published.note)?;
            write(&self.0.join(NEWEST), &published.note)
        };
        put().map_err(|error: io::Error| format!("the folder {} cannot be written: {error}", self.0.display()))
    }
}

/// Whoever looks finds the old file or the new one, and no half.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}
