//! The destinations of checkpoints that need no network: a folder, standard output.
//!
//! A folder is evidence, also against the log that publishes, and is best on a disk or mount that the log's owner can
//! only add to. A log never overwrites checkpoints that it does not continue.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use mcp_audit_log_ledger::{Checkpoint, SignedCheckpoint};

use super::{Published, Roots};
use crate::atomic_file;
use crate::sink::{Sink, SinkError};

/// The file with the newest checkpoint.
const NEWEST: &str = "checkpoint";

pub(super) struct Folder {
    path: PathBuf,
    roots: Roots,
    /// Makes the names in the folder durable.
    sync: fn(&Path) -> io::Result<()>,
}

impl Folder {
    pub(super) fn new(path: PathBuf, roots: Roots) -> Self {
        Self { path, roots, sync: atomic_file::sync_folder }
    }

    /// The same with another way to sync files, for tests.
    #[cfg(test)]
    pub(super) fn syncing(path: PathBuf, roots: Roots, sync: fn(&Path) -> io::Result<()>) -> Self {
        Self { path, roots, sync }
    }

    /// Checks that this log continues the published checkpoints.
    fn fits(&self, there: &Checkpoint, ours: &Checkpoint) -> Result<(), SinkError> {
        let conflict = |what: String| Err(SinkError::Conflict(what));
        if there.origin != ours.origin {
            return conflict(format!("the folder has checkpoints of another log, {}", there.origin));
        }
        if there.size > ours.size {
            let (there, ours) = (there.size, ours.size);
            return conflict(format!(
                "the folder has a checkpoint of {there} entries, but this log has signed only \
                                     {ours}"
            ));
        }
        let root = if there.size == ours.size { Some(ours.root) } else { (self.roots)(there.size) };
        match root {
            Some(root) if root == there.root => Ok(()),
            Some(_) => conflict(format!(
                "the folder's checkpoint of {} entries has a different root than this log had at that size",
                there.size
            )),
            // The old root is no longer known, so the histories cannot be compared.
            None => conflict(format!(
                "the folder's checkpoint is of {} entries, and this log cannot check it any more: those entries are \
                 gone, and no archived checkpoint has that size. Publish into a new folder, and keep this one",
                there.size
            )),
        }
    }
}

impl Sink<Published> for Folder {
    /// Writes the checkpoint to a new file, named so that a listing is sorted, and replaces the file of the newest one.
    fn put(&mut self, published: &Published) -> Result<(), SinkError> {
        let failed =
            |error: io::Error| SinkError::Failed(format!("the folder {} cannot be used: {error}", self.path.display()));
        let own = self.path.join(format!("{:020}-{:010}", published.size, published.number));
        // A folder that is made here would lie on the log's own disk where the other one is not mounted.
        if !self.path.try_exists().map_err(failed)? {
            let path = self.path.display();
            return Err(SinkError::Failed(format!(
                "the folder {path} is missing: create it, or mount the disk that it is on"
            )));
        }
        let newest = self.path.join(NEWEST);
        if let Some(bytes) = read(&newest).map_err(failed)? {
            let damaged = |_| SinkError::Conflict("its file `checkpoint` is not a checkpoint".to_owned());
            let there = SignedCheckpoint::parse(&bytes).map_err(damaged)?;
            let ours = SignedCheckpoint::parse(published.note.as_bytes()).map_err(damaged)?;
            self.fits(there.checkpoint(), ours.checkpoint())?;
        }
        match read(&own).map_err(failed)? {
            Some(bytes) if bytes != published.note.as_bytes() => {
                return Err(SinkError::Conflict("it has another checkpoint of the same size and number".to_owned()));
            }
            Some(_) => {}
            None => write(&own, &published.note).and_then(|()| (self.sync)(&self.path)).map_err(failed)?,
        }
        write(&newest, &published.note).and_then(|()| (self.sync)(&self.path)).map_err(failed)
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Readers see the old or the new file, never a partial one. The name is durable after the folder is synced.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

pub(super) struct Stdout;

impl Sink<Published> for Stdout {
    /// The note itself, followed by an empty line.
    fn put(&mut self, published: &Published) -> Result<(), SinkError> {
        let mut output = std::io::stdout().lock();
        let put = writeln!(output, "{}", published.note).and_then(|()| output.flush());
        put.map_err(|error| SinkError::Failed(format!("cannot write to standard output: {error}")))
    }
}
