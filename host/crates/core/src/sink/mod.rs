//! Destinations outside of the log. A sink gets its deliveries on its own thread, so that a hanging sink delays neither
//! the log nor another sink. A delivery is a checkpoint (`publish/`) or a batch of entries (the service's `sinks.rs`
//! reads them).

mod thread;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use mcp_audit_log_model::entry::Entry;

pub use thread::{Backoff, SinkControl, SinkThread};

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
    /// succeeds or is refused, so the destination may get the same delivery twice, but never out of order.
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
    /// The same, and the destination asks not to be tried again before this time has passed.
    Busy(String, Duration),
    /// The destination has data that this log does not continue; nothing there is overwritten.
    Conflict(String),
    /// The destination has the delivery, but rejected so many entries of it for good, and does not say which. It must not be
    /// sent again.
    Partly(String, u64),
    /// The destination will never accept this delivery as it is. It may accept a part of it.
    Refused(String),
}

impl SinkError {
    /// The reason.
    pub fn reason(&self) -> &str {
        match self {
            Self::Failed(reason)
            | Self::Busy(reason, _)
            | Self::Conflict(reason)
            | Self::Partly(reason, _)
            | Self::Refused(reason) => reason,
        }
    }
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

    /// Called when the destination has refused a delivery for good. The next one is a smaller part, or what follows.
    /// Returns how many entries are given up.
    fn refused(&mut self, delivery: &D, reason: &str) -> u64;

    /// Called when the destination has acknowledged a delivery and rejected so many entries of it.
    fn arrived_partly(&mut self, delivery: &D, rejected: u64, reason: &str);

    /// Called when an attempt failed for another reason, and is retried.
    fn failed(&mut self, error: &SinkError);
}

/// A batch of entries, at least one. The batches of a sink follow each other in `seq` without overlap.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntryBatch {
    /// The name of the sink.
    pub sink: Arc<str>,
    /// The log's name in its checkpoints. An entry is named by origin and `seq`.
    pub origin: Arc<str>,
    /// The range of `seq` that was read from the log. It may begin above the end of the batch before, where the cleanup
    /// removed entries that the sink did not have: an entry `sink.gap` names them.
    pub seqs: Range<u64>,
    /// The entries for the sink, oldest first.
    pub entries: Vec<Entry>,
}

impl EntryBatch {
    /// The batch of the entries in `seqs`; see the members.
    pub fn new(sink: Arc<str>, origin: Arc<str>, seqs: Range<u64>, entries: Vec<Entry>) -> Self {
        Self { sink, origin, seqs, entries }
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
    /// How many entries the destination refused for good since then.
    pub refused: u64,
    /// The reason why the last attempt failed; `None` if it succeeded.
    pub failing: Option<String>,
    /// Whether it failed because the destination has another history than the log.
    pub conflict: bool,
    /// The newest delivery that was attempted.
    tried: Option<u64>,
}

impl SinkStatus {
    fn new(name: &str) -> Self {
        Self { name: name.into(), arrived: None, failures: 0, refused: 0, failing: None, conflict: false, tried: None }
    }

    /// Whether no attempt has finished yet.
    pub fn is_waiting(&self) -> bool {
        self.arrived.is_none() && self.failing.is_none()
    }
}
