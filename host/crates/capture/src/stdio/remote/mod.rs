//! A running log as the destination of a wrapper's events. They wait in a bounded buffer while the log is away, are sent
//! in batches, and are the log's once it has answered. The id of an event makes a second delivery a duplicate.

mod buffer;
mod deliver;
mod item;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Uri;
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_core::http_client::{HttpClient, HttpClientError};
use mcp_audit_log_core::recorder::{Budget, RecordError};
use mcp_audit_log_model::event::{Caller, Channel, Event, Failure, Kind, OutcomeDetail};
use mcp_audit_log_model::format::counted;
use mcp_audit_log_model::time::{Clock, SystemClock};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use self::buffer::{Buffer, Gap, Limits};
use self::deliver::Courier;
use self::item::Item;

/// The most bytes of traffic that wait to be read.
const CAPTURED: usize = 64 << 20;
/// How long a delivery may still take once this process was asked to end.
const LAST: Duration = Duration::from_secs(1);

/// Makes the token anew for each attempt, so that a token that was replaced is found.
pub type TokenSource = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Where the running log is, and how much may wait for it.
#[derive(Clone)]
pub struct RemoteOptions {
    /// The address that takes events: `https://gateway.example.com/api/v1/events`.
    pub url: Uri,
    /// The bearer token of a sender, read again for each attempt. The error says why there is none.
    pub token: TokenSource,
    /// Whose certificates vouch for the log.
    pub authorities: Authorities,
    /// The most events that wait.
    pub events: usize,
    /// The most bytes of events that wait.
    pub bytes: usize,
    /// The name of the server, in the entry about losses.
    pub server: String,
    /// The caller, in the entry about losses.
    pub caller: Caller,
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions")
            .field("events", &self.events)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// What became of a wrapper's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteDelivery {
    /// How many the log has.
    pub delivered: u64,
    /// How many are lost: dropped, refused, or not delivered in time.
    pub lost: u64,
    /// How many of the lost ones no entry of the log reports.
    pub unreported: u64,
}

/// A running log that gets the events of a wrapper. Clones share it.
#[derive(Clone)]
pub struct RemoteLog {
    shared: Arc<Shared>,
    jobs: Arc<Mutex<Option<mpsc::UnboundedSender<Job>>>>,
    courier: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// Makes events of captured bytes, on a thread of its own.
pub(super) type Job = Box<dyn FnOnce() -> Vec<Event> + Send>;

struct Shared {
    buffer: Mutex<Buffer>,
    /// Something waits, or nothing more will come.
    changed: Notify,
    /// Set when nothing more will come.
    closing: watch::Sender<bool>,
    captured: Arc<Budget>,
    server: String,
    caller: Caller,
}

impl RemoteLog {
    /// Begins to send what will be recorded. A log that cannot be reached is no error: the events wait. Needs a Tokio
    /// runtime.
    ///
    /// # Errors
    /// The address uses https, and the system has no certificates to trust.
    pub fn start(options: RemoteOptions) -> Result<Self, HttpClientError> {
        let RemoteOptions { url, token, authorities, events, bytes, server, caller } = options;
        let client = HttpClient::keeping(&url, &authorities)?;
        let shared = Arc::new(Shared {
            buffer: Mutex::new(Buffer::new(Limits { events, bytes })),
            changed: Notify::new(),
            closing: watch::Sender::new(false),
            captured: Budget::new(CAPTURED),
            server,
            caller,
        });
        let (jobs, mut waiting) = mpsc::unbounded_channel::<Job>();
        let reader = Arc::clone(&shared);
        std::thread::spawn(move || {
            while let Some(job) = waiting.blocking_recv() {
                reader.run(job);
            }
            reader.closing.send_replace(true);
            reader.changed.notify_one();
        });
        let courier = tokio::spawn(Courier::new(client, url, token, Arc::clone(&shared)).run());
        let (jobs, courier) = (Arc::new(Mutex::new(Some(jobs))), Arc::new(Mutex::new(Some(courier))));
        Ok(Self { shared, jobs, courier })
    }

    /// Sends what waits, for this time at most, and for one second at most after `stop` is ready. Nothing is recorded
    /// any more.
    pub async fn finish(&self, patience: Duration, stop: impl Future<Output = ()>) -> RemoteDelivery {
        drop(lock(&self.jobs).take());
        let courier = lock(&self.courier).take();
        if let Some(mut courier) = courier {
            let stopped = async {
                stop.await;
                tokio::time::sleep(LAST).await;
            };
            tokio::select! {
                _ = &mut courier => {}
                () = tokio::time::sleep(patience) => {}
                () = stopped => {}
            }
            courier.abort();
        }
        let buffer = lock(&self.shared.buffer);
        let lost = buffer.lost + buffer.waiting();
        RemoteDelivery { delivered: buffer.delivered, lost, unreported: lost - buffer.reported }
    }

    pub(super) fn captured(&self) -> Arc<Budget> {
        Arc::clone(&self.shared.captured)
    }

    /// Whether bodies are captured: they are until the log says that it keeps none.
    pub(super) fn keeps_payloads(&self) -> bool {
        lock(&self.shared.buffer).keeps_payloads != Some(false)
    }

    /// Enqueues a job for the thread that reads.
    pub(super) fn later(&self, job: Job) -> Result<(), RecordError> {
        let jobs = lock(&self.jobs);
        let jobs = jobs.as_ref().ok_or(RecordError::Closed)?;
        jobs.send(job).map_err(|_| RecordError::Closed)
    }

    pub(super) fn record(&self, event: Event) {
        self.shared.record(event);
    }

    pub(super) fn dropped(&self, events: u64) {
        lock(&self.shared.buffer).dropped(events, SystemClock.now());
    }
}

impl Shared {
    /// A bug in the reader must not end its thread.
    fn run(&self, job: Job) {
        match catch_unwind(AssertUnwindSafe(job)) {
            Ok(events) => events.into_iter().for_each(|event| self.record(event)),
            Err(_) => {
                tracing::error!("captured traffic could not be parsed: a bug in the parser");
                lock(&self.buffer).dropped(1, SystemClock.now());
            }
        }
    }

    fn record(&self, event: Event) {
        let item = Item::new(event);
        let is_first_loss = lock(&self.buffer).push(item, SystemClock.now());
        if is_first_loss {
            tracing::warn!("the buffer of events is full: events are lost until the log takes some; they are counted");
        }
        self.changed.notify_one();
    }

    /// The event about a gap.
    fn gap(&self, gap: Gap) -> Item {
        let now = SystemClock.now();
        let count = |events| counted(events, "event", "events");
        let reason = match (gap.dropped, gap.refused) {
            (dropped, 0) => format!("{} found no room while the log could not be reached", count(dropped)),
            (0, refused) => format!("the log refused {}", count(refused)),
            (dropped, refused) => format!("{} found no room, and the log refused {}", count(dropped), count(refused)),
        };
        let (from, to) = gap.span.unwrap_or((now, now));
        let event = Event::new(from, Channel::Admin, Kind::Request, OutcomeDetail::Unknown);
        let event = Event {
            method: Some("sender.gap".to_owned()),
            server: Some(self.server.clone()),
            caller: self.caller.clone(),
            failure: Some(Failure::new("events_lost", reason)),
            ..event
        };
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let event = event.fact("dropped", integer(gap.dropped)).fact("refused", integer(gap.refused));
        let event = event.fact("until", to.to_string()).fact("resource_type", "mcp_server");
        Item::gap(event.fact("resource_name", self.server.clone()), gap.lost())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
