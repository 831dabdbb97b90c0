//! The setup of every measurement: a log in a folder on a real disk, a clock that can be set, and a source of events.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use mcp_audit_log::time::{self, Timestamp};
use mcp_audit_log::{AuditLog, Event, Grant, Options, Viewer};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

use crate::traffic::beginning;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The most items that wait while a log is fed: less than the queue holds, so that none is dropped.
const WAITING: usize = 12_000;

/// A clock that shows the time that it was set to.
pub(crate) struct Clock(AtomicI64);

impl time::Clock for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

impl Clock {
    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_micros(), Ordering::Relaxed);
    }
}

/// A folder on the disk of the build, which is not in memory.
pub(crate) fn folder() -> Outcome<TempDir> {
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// An open log.
pub(crate) struct World {
    pub(crate) log: AuditLog,
    pub(crate) clock: Arc<Clock>,
    runtime: Runtime,
}

impl World {
    pub(crate) fn open(folder: &Path) -> Outcome<Self> {
        let clock = Arc::new(Clock(AtomicI64::new(beginning().as_micros())));
        let log = Options::new(folder).clock(Arc::clone(&clock) as Arc<dyn time::Clock>).own_schedule().open()?;
        Ok(Self { log, clock, runtime: runtime::Builder::new_current_thread().build()? })
    }

    pub(crate) fn access(&self, group: &str) -> Grant {
        self.log.view().access(&Viewer::new("bench", [group]))
    }

    pub(crate) fn keep_payloads(&self) -> Outcome {
        let wanted = serde_json::json!({ "log_payloads": true });
        self.log.change_settings(&self.access("admin"), wanted.as_object().ok_or("no object")?)?;
        Ok(())
    }

    /// Records events as fast as the recorder accepts them. Returns the time until the last one is durable.
    pub(crate) fn feed(&self, events: Vec<Event>) -> Outcome<Duration> {
        let begun = Instant::now();
        let last = events.len().saturating_sub(1);
        for (at, event) in events.into_iter().enumerate() {
            while self.waiting() >= WAITING {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.clock.set(event.occurred_at);
            if at == last {
                self.record_durably(event)?;
            } else {
                self.log.record(event)?;
            }
        }
        Ok(begun.elapsed())
    }

    pub(crate) fn record_durably(&self, event: Event) -> Outcome {
        self.runtime.block_on(self.log.record_durably(event))?;
        Ok(())
    }

    pub(crate) fn stored(&self) -> u64 {
        self.log.recorder().gauges().stored.load(Ordering::Relaxed)
    }

    pub(crate) fn commits(&self) -> u64 {
        self.log.recorder().gauges().size.buckets().map(|(_, count)| count).sum()
    }

    fn waiting(&self) -> usize {
        self.log.recorder().gauges().waiting.load(Ordering::Relaxed)
    }
}
