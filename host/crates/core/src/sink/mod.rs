//! Destinations outside of the log. A sink gets its deliveries on its own thread, so that a hanging sink delays neither
//! the log nor another sink. A delivery is a checkpoint (`publish/`) or a batch of entries (the service's `sinks.rs`
//! reads them).

mod thread;

use std::ops::Range;
use std::sync::Arc;

use mcp_audit_log_model::entry::Entry;

pub use thread::{Backoff, SinkThread};

/// What a sink takes.
pub trait Delivery: Send + Sync + 'static {
    /// What these are, in messages: "checkpoints".
    const WHAT: &'static str;

    /// How far the other side is when it has this. It ascends from one delivery to the next.
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

/// Why something was not delivered, as a sentence for the operator.
#[derive(Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// The destination cannot be reached or written.
    Failed(String),
    /// The destination has what this log does not continue; nothing there is overwritten.
    Conflict(String),
}

/// The source of deliveries for a sink that needs all of them in order.
pub trait Feed<D: Delivery>: Send + 'static {
    /// The delivery after the last acknowledged one; `None` if there is none yet.
    ///
    /// # Errors
    /// It cannot be read.
    fn next(&mut self) -> Result<Option<D>, SinkError>;

    /// How far the other side is: everything below this arrived, or is not for it.
    fn watermark(&self) -> u64;

    /// The other side has acknowledged this.
    fn arrived(&mut self, delivery: &D);
}

/// A batch of entries. The batches of a sink follow each other in `seq` without hole and without overlap.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntryBatch {
    /// Which entries of the log were looked at.
    pub seqs: Range<u64>,
    /// The cleanup removed entries below this, which the sink may not have got; `seqs.start` where it removed none.
    pub removed_below: u64,
    /// Those that the sink is to have, oldest first.
    pub entries: Vec<Entry>,
}

impl EntryBatch {
    /// The entries among `seqs` that a sink is to have; see the fields.
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
    /// How far the other side is: the newest checkpoint that arrived since the log was opened, by number, or the `seq`
    /// after the last entry.
    pub arrived: Option<u64>,
    /// How many deliveries failed since the log was opened.
    pub failures: u64,
    /// Why the last attempt failed; `None` when it succeeded.
    pub failing: Option<String>,
    /// Whether it failed because the destination has another history than the log.
    pub conflict: bool,
    /// The newest that was attempted.
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
