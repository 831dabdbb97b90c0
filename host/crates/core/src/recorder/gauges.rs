//! The recorder's state for monitoring: counters, durations, and whether entries become durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mcp_audit_log_index::Stored;
use mcp_audit_log_sandbox::{Health, PolicyFailure};
use tokio::sync::watch;

use super::QueueLimits;
use super::queue::Budget;

/// Upper bounds of the commit's latency, in microseconds.
const LATENCY: [u64; 12] =
    [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];
/// Upper bounds of a commit's size, in entries.
const SIZE: [u64; 7] = [1, 4, 16, 64, 256, 1_024, 4_096];

/// The most bytes of decoder windows.
const UNPACKING: usize = 256 << 20;

/// Numbers about the recorder. Counters run from the start of the process.
#[derive(Debug)]
pub struct Gauges {
    /// The limits of the queue.
    pub limits: QueueLimits,
    /// Items that wait.
    pub waiting: AtomicUsize,
    /// Queue slots that are reserved for calls in progress.
    pub reserved: AtomicUsize,
    /// Bytes of traffic that capture holds: unread chunks, and bodies of unfinished messages.
    pub captured: Arc<Budget>,
    /// Bytes of decoder windows in use by capture.
    pub unpacking: Arc<Budget>,
    /// Bytes that wait.
    pub waiting_bytes: AtomicUsize,
    /// Events dropped since the last gap entry.
    unreported: AtomicU64,
    /// Events dropped.
    pub dropped: AtomicU64,
    /// Events that were offered, including the log's own and dropped ones.
    pub events: AtomicU64,
    /// Events that the log already had.
    pub repeated: AtomicU64,
    /// Gap entries made.
    pub gaps: AtomicU64,
    /// Entries stored. A duplicate counts too, because a commit that seemed to fail may have stored it.
    pub stored: AtomicU64,
    /// Commits that failed in a row; 0 is healthy.
    pub failing: AtomicU64,
    /// Commits that failed.
    pub failed: AtomicU64,
    /// The durations of commits, in microseconds.
    pub latency: Histogram<12>,
    /// The numbers of entries of commits.
    pub size: Histogram<7>,
    /// Events that were judged.
    pub judged: AtomicU64,
    /// How long the policy judged, in microseconds.
    pub judged_us: AtomicU64,
    /// Events that the policy could not judge.
    pub faults: AtomicU64,
    /// How many events the active policy is still on probation for; 0 if it is not.
    pub probation: AtomicUsize,
    /// The cleanup.
    pub cleanup: Cleanup,
    /// The next `seq`: all entries below it can be read.
    next: watch::Sender<u64>,
}

impl Gauges {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            waiting: AtomicUsize::default(),
            reserved: AtomicUsize::default(),
            captured: Budget::new(limits.bytes),
            unpacking: Budget::new(UNPACKING),
            waiting_bytes: AtomicUsize::default(),
            unreported: AtomicU64::default(),
            dropped: AtomicU64::default(),
            events: AtomicU64::default(),
            repeated: AtomicU64::default(),
            gaps: AtomicU64::default(),
            stored: AtomicU64::default(),
            failing: AtomicU64::default(),
            failed: AtomicU64::default(),
            latency: Histogram::new(LATENCY),
            size: Histogram::new(SIZE),
            judged: AtomicU64::default(),
            judged_us: AtomicU64::default(),
            faults: AtomicU64::default(),
            probation: AtomicUsize::default(),
            cleanup: Cleanup::default(),
            next: watch::Sender::new(0),
        }
    }

    /// Whether the next event would be dropped, or losses are not reported yet.
    pub fn is_full(&self) -> bool {
        self.unreported.load(Ordering::Relaxed) > 0
            || self.waiting.load(Ordering::Relaxed) >= self.limits.items
            || self.waiting_bytes.load(Ordering::Relaxed) >= self.limits.bytes
    }

    /// Whether more than half of the queue is in use.
    pub fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > self.limits.items / 2
            || self.waiting_bytes.load(Ordering::Relaxed) > self.limits.bytes / 2
    }

    /// The next `seq`, with a notification after each commit. 0 until the first one.
    pub fn next(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    /// Counts events that were lost before they were judged.
    pub(super) fn dropped(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.lost(events);
    }

    /// Events are lost.
    pub(super) fn lost(&self, events: u64) {
        self.unreported.fetch_add(events, Ordering::Relaxed);
        self.dropped.fetch_add(events, Ordering::Relaxed);
    }

    /// A gap entry that reported this many events was lost, so the loss must be reported again.
    pub(super) fn lost_again(&self, events: u64) {
        self.unreported.fetch_add(events, Ordering::Relaxed);
    }

    /// Losses that no gap entry has reported yet.
    pub fn unreported(&self) -> u64 {
        self.unreported.load(Ordering::Relaxed)
    }

    /// Losses since the last call; the caller reports them in a gap entry.
    pub(super) fn take_lost(&self) -> Option<u64> {
        let lost = self.unreported.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.gaps.fetch_add(1, Ordering::Relaxed);
        }
        (lost > 0).then_some(lost)
    }

    /// The policy judged.
    pub(super) fn judged(&self, events: usize, faults: usize, took: Duration) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.judged.fetch_add(events as u64, Ordering::Relaxed);
        self.faults.fetch_add(faults as u64, Ordering::Relaxed);
        self.judged_us.fetch_add(micros(took), Ordering::Relaxed);
    }

    /// A commit is durable.
    pub(super) fn committed(&self, stored: &[Stored], took: Duration) {
        self.failing.store(0, Ordering::Relaxed);
        self.stored.fetch_add(stored.len() as u64, Ordering::Relaxed);
        let repeated = stored.iter().filter(|stored| !matches!(stored, Stored::At(_))).count();
        self.repeated.fetch_add(repeated as u64, Ordering::Relaxed);
        self.latency.count(micros(took));
        self.size.count(stored.len() as u64);
        let places = stored.iter().filter_map(|stored| match stored {
            Stored::At(seq) => Some(seq + 1),
            Stored::Duplicate | Stored::Conflict => None,
        });
        // Notify even when every `seq` is known: a retried commit that seemed to fail may have stored duplicates.
        self.next.send_modify(|next| *next = places.fold(*next, u64::max));
    }

    /// A commit failed, as the `tries`-th in a row.
    pub(super) fn failed(&self, tries: u32) {
        self.failing.store(tries.into(), Ordering::Relaxed);
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The progress of the cleanup.
#[derive(Debug, Default)]
pub struct Cleanup {
    /// Whether it runs now.
    pub running: Arc<AtomicBool>,
    /// Entries that the current or last run removed so far.
    pub progress: AtomicU64,
    /// Entries removed.
    pub entries: AtomicU64,
    /// Payloads removed.
    pub payloads: AtomicU64,
}

impl Cleanup {
    /// Marks the beginning of a run, which ends when the guard is dropped, for any reason.
    pub(crate) fn begin(&self) -> Running {
        self.progress.store(0, Ordering::Relaxed);
        self.running.store(true, Ordering::Relaxed);
        Running(Arc::clone(&self.running))
    }

    /// A step of the run is done.
    pub(crate) fn removed(&self, entries: u64, payloads: u64) {
        self.progress.fetch_add(entries, Ordering::Relaxed);
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.payloads.fetch_add(payloads, Ordering::Relaxed);
    }
}

/// A run of the cleanup.
#[derive(Debug)]
pub(crate) struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// The number of values up to each of `N` bounds.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    counts: [AtomicU64; N],
    /// The number of values above the last bound.
    above: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    pub(super) fn new(bounds: [u64; N]) -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::default());
        Self { bounds, counts, above: AtomicU64::default(), sum: AtomicU64::default() }
    }

    pub(super) fn count(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts.get(at).unwrap_or(&self.above).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Each bound with the number of values above the previous bound and not above this one; `None` is above all
    /// bounds.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let counts = self.counts.iter().chain([&self.above]).map(|count| count.load(Ordering::Relaxed));
        self.bounds.iter().copied().map(Some).chain([None]).zip(counts)
    }

    /// All values together.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

/// The reason why the log is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// The recorder has ended: the log is closed, or its thread failed.
    #[error("the audit log is closed")]
    Stopped,
    /// Commits fail and are retried.
    #[error("the log is not writable")]
    Failing,
    /// The queue is full, so events are dropped.
    #[error("the audit log cannot keep up: its queue is full")]
    Full,
    /// More than half of the queue is in use. Nothing is lost yet, but it may be soon.
    #[error("the audit log falls behind: more than half of its queue is waiting")]
    Behind,
    /// Entries are stored, but the policy fails: events are unjudged, or every viewer is denied.
    #[error("{}", .0.sentence())]
    Policy(PolicyFailure),
}

impl Unready {
    pub(super) fn of(running: bool, gauges: &Gauges, policy: &Health) -> Result<(), Self> {
        if !running {
            return Err(Self::Stopped);
        }
        if gauges.failing.load(Ordering::Relaxed) > 0 {
            return Err(Self::Failing);
        }
        if gauges.is_full() {
            return Err(Self::Full);
        }
        policy.check().map_err(Self::Policy)?;
        if gauges.is_behind() { Err(Self::Behind) } else { Ok(()) }
    }

    /// The name of the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "recorder-stopped",
            Self::Failing => "store-failing",
            Self::Full => "queue-full",
            Self::Behind => "queue-behind",
            Self::Policy(PolicyFailure::Judge) => "policy-failing-judge",
            Self::Policy(PolicyFailure::Access) => "policy-failing-access",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_seq_only_grows_and_every_commit_notifies() {
        let gauges = Gauges::new(QueueLimits::default());
        let mut next = gauges.next();
        gauges.committed(&[Stored::At(4), Stored::Duplicate, Stored::At(5)], Duration::ZERO);
        assert!(next.has_changed().expect("open"));
        assert_eq!(*next.borrow_and_update(), 6);
        gauges.committed(&[Stored::Duplicate, Stored::At(2)], Duration::ZERO);
        assert!(next.has_changed().expect("open"));
        assert_eq!(*next.borrow_and_update(), 6);
    }

    #[test]
    fn a_value_is_counted_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new([10, 20]);
        [0, 10, 11, 20, 21, 900].into_iter().for_each(|value| histogram.count(value));
        assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(Some(10), 2), (Some(20), 2), (None, 2)]);
        assert_eq!(histogram.sum(), 962);
    }
}
