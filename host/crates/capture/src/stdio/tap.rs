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
use mcp_audit_log_service::{ToolListing, ToolWatch};

use super::StdioOptions;
use super::pipe::{Moment, Pipe};
use super::recording::Recording;
use crate::parse::document::Keep;
use crate::tap::{End, Side, Tap};

/// If more bytes than this wait, the path reads them itself: a sender that is faster than the recorder's thread is
/// slowed down, and no line is lost.
const WAITING: usize = 1 << 20;

/// The tap on a wrapped server.
#[derive(Clone)]
pub(super) struct StdioTap {
    recording: Recording,
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
    /// What compares listings of tools, and their caller.
    tool_watch: Option<(Arc<ToolWatch>, String)>,
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
    pub(super) fn new(recording: Recording, options: StdioOptions) -> Self {
        let begun = Moment { at: recording.now(), instant: Instant::now() };
        let held = recording.captured();
        let tool_watch = recording.tool_watch(&options.caller);
        let shared = Shared {
            pipe: Mutex::new(Pipe::new(options.server, options.caller, begun)),
            waiting: Mutex::new(Waiting { pieces: VecDeque::new(), held, bytes: 0, handed_over: false }),
            place: Mutex::new(recording.reserve()),
            has_cancelled: AtomicBool::new(false),
            tool_watch,
        };
        Self { recording, shared: Arc::new(shared) }
    }

    /// Records cancelled calls that stay without an answer.
    pub(super) fn look_for_overdue(&self) {
        if !self.shared.has_cancelled.load(Ordering::Relaxed) {
            return;
        }
        let (shared, moment) = (Arc::clone(&self.shared), self.moment());
        // If there is no room, the next check finds it again.
        let _ = self.recording.offer_later(move || {
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
                self.recording.dropped(1);
            }
        }
    }

    /// Rejected events are counted one by one.
    fn record(&self, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.recording.record(event));
    }

    fn moment(&self) -> Moment {
        Moment { at: self.recording.now(), instant: Instant::now() }
    }
}

impl Tap for StdioTap {
    fn chunk(&self, side: Side, chunk: &Bytes) {
        let (moment, keep) = (self.moment(), self.recording.keep());
        let (fits, due) = {
            let mut waiting = lock(&self.shared.waiting);
            let fits = waiting.held.grow(chunk.len());
            waiting.bytes += chunk.len();
            waiting.pieces.push_back(Piece { side, bytes: chunk.clone(), moment, keep });
            let due = !std::mem::replace(&mut waiting.handed_over, true);
            (fits && waiting.bytes < WAITING, due)
        };
        let shared = Arc::clone(&self.shared);
        if !fits || (due && self.recording.offer_later(move || shared.read()).is_err()) {
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
            None => self.recording.offer_later(end),
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
            if let Some((tool_watch, viewer)) = &self.tool_watch {
                tool_watch.offer(ToolListing { viewer: viewer.clone(), ..listing });
            }
        }
        self.has_cancelled.store(pipe.has_cancelled(), Ordering::Relaxed);
        events
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
