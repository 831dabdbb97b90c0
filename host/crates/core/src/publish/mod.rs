//! Publishing checkpoints: sends each to destinations that the log's owner cannot rewrite. Each destination is a sink.

mod destinations;
#[cfg(feature = "http-client")]
mod endpoint;
#[cfg(feature = "http-client")]
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use destinations::{Folder, Stdout};
#[cfg(feature = "http-client")]
use endpoint::Endpoint;
use mcp_audit_log_ledger::Hash;

#[cfg(feature = "http-client")]
use crate::http_client::HttpClientError;
use crate::sink::{Backoff, Delivery, Sink, SinkStatus, SinkThread};

#[cfg(feature = "http-client")]
pub use endpoint::EndpointOptions;

/// The time to wait for one destination before checking the others.
const LOOK: Duration = Duration::from_millis(100);
/// The time that a closing log waits for the last checkpoint to be published.
const PATIENCE: Duration = Duration::from_secs(5);

/// The destinations of checkpoints. A checkpoint reveals the log's size, but nothing of its content.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    /// A folder: one file per checkpoint, and the newest as `checkpoint`.
    pub folder: Option<PathBuf>,
    /// An HTTP endpoint that accepts them by POST.
    #[cfg(feature = "http-client")]
    pub endpoint: Option<EndpointOptions>,
    /// Standard output.
    pub output: bool,
}

/// Why checkpoints cannot be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Without TLS the network could withhold or change checkpoints.
    #[error("checkpoints must be sent over https://, except to this machine")]
    Plain,
    /// The client.
    #[cfg(feature = "http-client")]
    #[error(transparent)]
    Client(#[from] HttpClientError),
    /// The operating system cannot start a thread.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// A checkpoint to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its number among the checkpoints of this log, counted from 1.
    pub number: u64,
    /// How many entries it covers.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

impl Delivery for Published {
    const WHAT: &'static str = "checkpoints";

    fn watermark(&self) -> u64 {
        self.number
    }
}

/// Returns the root that the log had at a size, while it is still known.
pub type Roots = Arc<dyn Fn(u64) -> Option<Hash> + Send + Sync>;

/// All destinations. When dropped, it gives the last checkpoint a few seconds to be delivered.
#[derive(Debug)]
pub struct Publisher {
    sinks: Vec<Arc<SinkThread<Published>>>,
}

impl Publisher {
    /// Starts a thread for each destination. `roots` decides whether a checkpoint that is already there belongs to this
    /// log.
    ///
    /// # Errors
    /// The system cannot start a thread, or the endpoint cannot be used.
    pub fn start(places: &Destinations, roots: Roots) -> Result<Self, PublishError> {
        let mut publisher = Self { sinks: Vec::new() };
        if let Some(folder) = &places.folder {
            publisher.add("folder", Folder::new(folder.clone(), roots))?;
        }
        #[cfg(feature = "http-client")]
        if let Some(options) = &places.endpoint {
            publisher.add("http", Endpoint::new(options)?)?;
        }
        if places.output {
            publisher.add("stdout", Stdout)?;
        }
        Ok(publisher)
    }

    fn add(&mut self, name: &'static str, place: impl Sink<Published>) -> Result<(), PublishError> {
        self.sinks.push(SinkThread::start(name, place, Backoff::default()).map_err(PublishError::Thread)?);
        Ok(())
    }

    /// Whether there are no destinations.
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Enqueues a checkpoint for every destination and returns at once. It replaces one that is still waiting: the
    /// newer one covers all that the older one covers.
    pub fn publish(&self, published: Published) {
        let published = Arc::new(published);
        self.sinks.iter().for_each(|sink| sink.want(Arc::clone(&published)));
    }

    /// Waits until this checkpoint, or a newer one, is delivered to one destination. It waits while a destination has
    /// not attempted it yet, and at most `patience`. Failed destinations are retried once at once.
    pub fn wait_for(&self, number: u64, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        self.sinks.iter().for_each(|sink| sink.urge(number));
        loop {
            if self.sinks.iter().any(|sink| sink.status().arrived >= Some(number)) {
                return true;
            }
            let pending = self.sinks.iter().find(|sink| sink.is_trying(number));
            let now = Instant::now();
            match pending {
                Some(sink) if now < until => sink.wait_try(number, until.min(now + LOOK)),
                _ => return false,
            }
        }
    }

    /// The state of each destination.
    pub fn statuses(&self) -> Vec<SinkStatus> {
        self.sinks.iter().map(|sink| sink.status()).collect()
    }

    /// Waits up to a few seconds until every destination has the last checkpoint or failed, and ends the threads.
    pub fn close(&self) {
        let until = Instant::now() + PATIENCE;
        self.sinks.iter().for_each(|sink| sink.close());
        self.sinks.iter().for_each(|sink| sink.wait(until));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.close();
    }
}
