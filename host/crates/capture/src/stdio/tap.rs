//! The tap on both directions of a wrapped server. The recorder's thread reads the lines in their order, or the path if
//! too many bytes wait.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use mcp_audit_log_core::recorder::{BudgetShare, RecordError, Reservation};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_service::{AuditLog, ToolListing, ToolWatch};

use super::StdioOptions;
use super::pipe::{Moment, Pipe};
use crate::mcp::listing::viewer;
use crate::parse::document::Keep;
use crate::tap::{End, Side, Tap};

/// If more bytes than this wait, the path reads them itself: a sender that is faster than the recorder's thread is
/// slowed down, and no line is lost.
const WAITING: usize = 1 << 20;

/// The tap on a wrapped server.
#[derive(Clone)]
pub(super) struct StdioTap {
    log: AuditLog,
    shared: Arc<Shared>,
}

/// The state shared by the path and the recorder's thread. It does not hold the log, which must not be closed from that
/// thread.
struct Shared {
    /// Locked before `waiting`, so that chunks are read in order.
    pipe: Mutex<Pipe>,
    waiting: Mutex<Waiting>,
    /// The reserved slot in the recorder's queue for the end.
    place: Mutex<Option<Reservation>>,
    /// Whether a cancelled call waits for an answer of the server.
    has_cancelled: AtomicBool,
    tool_watch: Arc<ToolWatch>,
    /// The caller of listings of tools.
    viewer: String,
}

/// Forwarded data that is not read yet.
struct Waiting {
    pieces: VecDeque<Piece>,
    held: BudgetShare,
    bytes: usize,
    /// Whether a job to read the waiting chunks is enqueued.
    handed_over: bool,
}

struct Piece {
    side: Side,
    bytes: Bytes,
    moment: Moment,
    keep: Keep,
}

impl StdioTap {
    pub(super) fn new(log: AuditLog, options: StdioOptions) -> Self {
        let begun = Moment { at: log.view().now(), instant: Instant::now() };
        let held = log.recorder().gauges().captured.nothing();
        let viewer = viewer(log.secret(), &options.caller, None);
        let shared = Shared {
            pipe: Mutex::new(Pipe::new(options.server, options.caller, begun)),
            waiting: Mutex::new(Waiting { pieces: VecDeque::new(), held, bytes: 0, handed_over: false }),
            place: Mutex::new(log.reserve()),
            has_cancelled: AtomicBool::new(false),
            tool_watch: log.tool_watch(),
            viewer,
        };
        Self { log, shared: Arc::new(shared) }
    }

    /// Records cancelled calls that stay without an answer.
    pub(super) fn look_for_overdue(&self) {
        if !self.shared.has_cancelled.load(Ordering::Relaxed) {
            return;
        }
        let (shared, moment) = (Arc::clone(&self.shared), self.moment());
        // If there is no room, the next check finds it again.
        let _ = self.log.offer_later(0, move || {
            let mut events = shared.read();
            let mut pipe = lock(&shared.pipe);
            events.extend(pipe.overdue(moment));
            shared.has_cancelled.store(pipe.has_cancelled(), Ordering::Relaxed);
            events
        });
    }

    /// On the path: reads waiting chunks. A bug in the reader must not break the traffic.
    fn read_now(&self) {
        match catch_unwind(AssertUnwindSafe(|| self.shared.read())) {
            Ok(events) => self.record(events),
            Err(_) => {
                tracing::error!("captured traffic could not be parsed: a bug in the parser");
                self.log.dropped(1);
            }
        }
    }

    /// Rejected events are counted one by one.
    fn record(&self, events: Vec<Event>) {
        events.into_iter().for_each(|event| drop(self.log.record(event)));
    }

    fn moment(&self) -> Moment {
        Moment { at: self.log.view().now(), instant: Instant::now() }
    }
}

impl Tap for StdioTap {
    fn chunk(&self, side: Side, chunk: &Bytes) {
        let (moment, keep) = (self.moment(), Keep::of(&self.log));
        let (fits, due) = {
            let mut waiting = lock(&self.shared.waiting);
            let fits = waiting.held.grow(chunk.len());
            waiting.bytes += chunk.len();
            waiting.pieces.push_back(Piece { side, bytes: chunk.clone(), moment, keep });
            let due = !std::mem::replace(&mut waiting.handed_over, true);
            (fits && waiting.bytes < WAITING, due)
        };
        let shared = Arc::clone(&self.shared);
        if !fits || (due && self.log.offer_later(0, move || shared.read()).is_err()) {
            self.read_now();
        }
    }

    /// Both directions have ended; the recorded messages show how.
    fn end(&self, _end: End) {
        let (shared, moment) = (Arc::clone(&self.shared), self.moment());
        let end = move || {
            let mut events = shared.read();
            events.extend(lock(&shared.pipe).close(moment));
            events
        };
        let told = match lock(&self.shared.place).take() {
            Some(place) => place.record_later(end),
            None => self.log.offer_later(0, end),
        };
        if told == Err(RecordError::Full) {
            self.read_now();
            let events = lock(&self.shared.pipe).close(moment);
            self.record(events);
        }
    }
}

impl Shared {
    /// Reads what waits.
    fn read(&self) -> Vec<Event> {
        let mut pipe = lock(&self.pipe);
        let pieces = {
            let mut waiting = lock(&self.waiting);
            (waiting.bytes, waiting.handed_over) = (0, false);
            waiting.held.release();
            std::mem::take(&mut waiting.pieces)
        };
        let read = |piece: Piece| pipe.read(piece.side, &piece.bytes, piece.moment, piece.keep, false);
        let events = pieces.into_iter().flat_map(read).collect();
        for listing in std::mem::take(&mut pipe.listings) {
            self.tool_watch.offer(ToolListing { viewer: self.viewer.clone(), ..listing });
        }
        self.has_cancelled.store(pipe.has_cancelled(), Ordering::Relaxed);
        events
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
