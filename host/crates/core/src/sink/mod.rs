//! Destinations outside of the log. A sink gets its deliveries on its own thread, so that a hanging sink delays neither
//! the log nor another sink. A delivery is a checkpoint (`publish/`) or a batch of entries (the service's `sinks.rs`
//! reads them).

mod thread;

use std::ops::Range;
use std::sync::Arc;

use mcp_audit_log_model::entry::Entry;

pub use thread::{Backoff, SinkThread};

/// A delivery to a sink.
pub trait Delivery: Send + Sync + 'static {
    /// The name of these deliveries in messages: "checkpoints".
    const WHAT: &'static str;

    /// The progress of the destination once it has this delivery. It ascends from one delivery to the next.
    fn watermark(&self) -> u64;
}

/// A destination outside of the log.
pub trait Sink<D: Delivery>: Send + 'static {
    /// Delivers, and returns when the destination has acknowledged the delivery. Blocks. It is retried until it
    /// succeeds, so the destination may get the same delivery twice, but never out of order.
    ///
    /// # Errors
    /// The destination may not have it.
    fn put(&mut self, delivery: &D) -> Result<(), SinkError>;
}

impl<D: Delivery> Sink<D> for Box<dyn Sink<D>> {
    fn put(&mut self, delivery: &D) -> Result<(), SinkError> {
        (**self).put(delivery)
    }
}

/// The reason why a delivery failed, as a sentence for the operator.
#[derive(Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// The destination cannot be reached or written.
    Failed(String),
    /// The destination has data that this log does not continue; nothing there is overwritten.
    Conflict(String),
}

/// The source of deliveries for a sink that needs all of them in order.
pub trait Feed<D: Delivery>: Send + 'static {
    /// The delivery after the last acknowledged one; `None` if there is none yet.
    ///
    /// # Errors
    /// It cannot be read.
    fn next(&mut self) -> Result<Option<D>, SinkError>;

    /// The progress of the destination: everything below this arrived, or is not for it.
    fn watermark(&self) -> u64;

    /// Called when the destination has acknowledged a delivery.
    fn arrived(&mut self, delivery: &D);
}

/// A batch of entries. The batches of a sink follow each other in `seq` without hole and without overlap.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntryBatch {
    /// The range of `seq` that was read from the log.
    pub seqs: Range<u64>,
    /// The cleanup removed entries below this `seq` before the sink got them; `seqs.start` if it removed none.
    pub removed_below: u64,
    /// The entries for the sink, oldest first.
    pub entries: Vec<Entry>,
}

impl EntryBatch {
    /// The batch of the entries in `seqs`; see the members.
    pub fn new(seqs: Range<u64>, removed_below: u64, entries: Vec<Entry>) -> Self {
        Self { seqs, removed_below, entries }
    }
}

impl Delivery for EntryBatch {
    const WHAT: &'static str = "entries";

    /// The `seq` after the last entry.
    fn watermark(&self) -> u64 {
        self.seqs.end
    }
}

/// The state of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStatus {
    /// Its name; of a destination of checkpoints `folder`, `http` or `stdout`.
    pub name: Arc<str>,
    /// The progress of the destination: the number of the newest checkpoint that arrived since the log was opened, or
    /// the `seq` after the last entry.
    pub arrived: Option<u64>,
    /// How many deliveries failed since the log was opened.
    pub failures: u64,
    /// The reason why the last attempt failed; `None` if it succeeded.
    pub failing: Option<String>,
    /// Whether it failed because the destination has another history than the log.
    pub conflict: bool,
    /// The newest delivery that was attempted.
    tried: Option<u64>,
}

impl SinkStatus {
    fn new(name: &str) -> Self {
        Self { name: name.into(), arrived: None, failures: 0, failing: None, conflict: false, tried: None }
    }

    /// Whether no attempt has finished yet.
    pub fn is_waiting(&self) -> bool {
        self.arrived.is_none() && self.failing.is_none()
    }
}
