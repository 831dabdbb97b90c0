//! Publishing checkpoints: brings each to places that the log's owner cannot rewrite. Each place has a thread of its own,
//! so that one that hangs delays nothing, neither the log nor another place.

mod endpoint;
mod folder;
mod output;
#[cfg(test)]
mod tests;
mod thread;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Uri;

use endpoint::Endpoint;
pub use endpoint::EndpointError;
use folder::Folder;
use output::Output;
use thread::Slot;

use mcp_audit_log_ledger::Hash;

/// How long one place is waited for before it is looked at the others.
const LOOK: Duration = Duration::from_millis(100);
/// How long the end of the log waits for the last checkpoint to be published.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where checkpoints go. They say how large the log is, and nothing of what is in it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// A folder: a file a checkpoint, and the newest as `checkpoint`.
    pub folder: Option<PathBuf>,
    /// An address that takes them by POST.
    pub endpoint: Option<EndpointOptions>,
    /// Standard output.
    pub output: bool,
}

/// An address that takes checkpoints.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// The address, over https except on this machine.
    pub url: Uri,
    /// What is sent as `Authorization: Bearer …`.
    pub token: Option<String>,
}

/// A checkpoint on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Which checkpoint of this log it is, counted from 1.
    pub number: u64,
    /// How many entries it is about.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// A place that keeps checkpoints.
trait Place: Send + 'static {
    /// Brings a checkpoint there.
    fn put(&mut self, published: &Published) -> Result<(), PutError>;
}

/// Why a checkpoint did not arrive, in a sentence for the operator.
#[derive(Debug)]
enum PutError {
    /// The place cannot be reached or written.
    Failed(String),
    /// The place has a checkpoint that the log does not go on from.
    Conflict(String),
}

/// Gives the root that the log had at a size, as far as it is still known.
pub type Roots = Arc<dyn Fn(u64) -> Option<Hash> + Send + Sync>;

/// How a place is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceStatus {
    /// What kind of place it is: `folder`, `http` or `stdout`.
    pub name: &'static str,
    /// The newest checkpoint that arrived there.
    pub arrived: Option<u64>,
    /// How often one did not, since the log was opened.
    pub failures: u64,
    /// Why the last try failed; `None` when it did not.
    pub failing: Option<String>,
    /// Whether it failed because what is there is of another history than the log's.
    pub conflict: bool,
    /// The newest checkpoint of which it was tried.
    tried: Option<u64>,
}

impl PlaceStatus {
    /// Whether nothing is known yet.
    pub fn is_waiting(&self) -> bool {
        self.arrived.is_none() && self.failing.is_none()
    }
}

/// All the places. Dropped, it gives the last checkpoint a few seconds to arrive.
#[derive(Debug)]
pub struct Publisher {
    slots: Vec<Arc<Slot>>,
}

impl Publisher {
    /// Starts a thread for each place. `roots` tell whether what is there already is the log's.
    ///
    /// # Errors
    /// There is no thread, or the address cannot be used.
    pub fn start(places: &Places, roots: Roots) -> Result<Self, EndpointError> {
        let mut publisher = Self { slots: Vec::new() };
        if let Some(folder) = &places.folder {
            publisher.add("folder", Folder::new(folder.clone(), roots))?;
        }
        if let Some(options) = &places.endpoint {
            publisher.add("http", Endpoint::new(options)?)?;
        }
        if places.output {
            publisher.add("stdout", Output)?;
        }
        Ok(publisher)
    }

    fn add(&mut self, name: &'static str, place: impl Place) -> Result<(), EndpointError> {
        self.slots.push(Slot::start(name, place, thread::Pauses::default()).map_err(EndpointError::Thread)?);
        Ok(())
    }

    /// Whether there is any place.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Hands a checkpoint to every place and returns at once. One that has not arrived yet is given up for it: the newer
    /// one is about all that the older one is about.
    pub fn publish(&self, published: Published) {
        let published = Arc::new(published);
        self.slots.iter().for_each(|slot| slot.want(Arc::clone(&published)));
    }

    /// Waits until this checkpoint, or a newer one, has arrived at one place: as long as there is a place where it was not
    /// tried yet, and not longer than `patience`. Places that failed are tried once more at once.
    pub fn wait_for(&self, number: u64, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        self.slots.iter().for_each(|slot| slot.urge(number));
        loop {
            if self.slots.iter().any(|slot| slot.status().arrived >= Some(number)) {
                return true;
            }
            let pending = self.slots.iter().find(|slot| slot.is_trying(number));
            let now = Instant::now();
            match pending {
                Some(slot) if now < until => slot.wait_try(number, until.min(now + LOOK)),
                _ => return false,
            }
        }
    }

    /// How the places are doing.
    pub fn statuses(&self) -> Vec<PlaceStatus> {
        self.slots.iter().map(|slot| slot.status()).collect()
    }

    /// Waits until the last checkpoint has arrived everywhere or failed, for some seconds at most, and ends the threads.
    pub fn close(&self) {
        let until = Instant::now() + PATIENCE;
        self.slots.iter().for_each(|slot| slot.close());
        self.slots.iter().for_each(|slot| slot.wait(until));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.close();
    }
}
