//! One observed HTTP exchange: the path adds chunks, and the reader takes them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use mcp_audit_log_core::recorder::{Budget, BudgetShare, Reservation};
use mcp_audit_log_service::AuditLog;
use mcp_audit_log_service::{Background, ToolWatch};
use uuid::Uuid;

use super::parse_state::ParseState;
use super::sessions::Sessions;
use crate::parse::decode::{Coding, Decoder, Growth};
use crate::parse::document::Keep;
use crate::parse::reader::Format;
use crate::tap::head::{RequestHead, ResponseHead};
use crate::tap::slots::{CallId, CallerSlot};
use crate::tap::transport::FailureSlot;
use crate::tap::{End, Side};

/// If more bytes of an exchange than this wait, the path reads them itself: a sender that is faster than the recorder's
/// thread is slowed down, and the log loses nothing.
const WAITING: usize = 1 << 20;
/// The bytes of a body that are decoded in one turn, in decoded bytes: half a millisecond of the slowest coding.
pub(crate) const TURN: u64 = 256 << 10;
/// If this many bytes wait, the recorder's thread gets a job to read them.
const HAND_OVER: usize = 64 << 10;
/// Smaller chunks are copied, because a clone would keep a whole buffer of the connection.
const SMALL: usize = 2 << 10;

/// One exchange. It does not hold the log: a job on the recorder's thread may be the last to hold an exchange, and the
/// log must not be closed from there.
pub(crate) struct Exchange {
    pub(crate) head: RequestHead,
    pub(crate) response: OnceLock<ResponseHead>,
    pub(crate) caller: CallerSlot,
    pub(crate) failure: FailureSlot,
    /// The id of the entry about the first message.
    pub(crate) call: CallId,
    /// The id of the entry about its opening, if it is a stream.
    pub(crate) stream: OnceLock<Uuid>,
    pub(crate) sessions: Arc<Sessions>,
    /// The parts of bodies to keep.
    keep: Keep,
    /// The budget for decoder windows.
    windows: Arc<Budget>,
    /// The thread that decodes long bodies.
    pub(crate) background: Arc<Background>,
    /// Compares the tools in listings.
    pub(crate) tool_watch: Arc<ToolWatch>,
    /// Its reserved slot in the recorder's queue, until its end takes it.
    place: Mutex<Option<Reservation>>,
    traffic: Mutex<Traffic>,
    /// One reader at a time: the recorder's thread, which may read other exchanges meanwhile, or the path. The path
    /// reads only this one, so it cannot deadlock.
    parse_state: Mutex<ParseState>,
}

/// The work that waiting chunks need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// The recorder's thread must read it.
    HandOver,
    /// To be read here and now.
    Now,
}

/// Unread traffic.
struct Traffic {
    held: BudgetShare,
    /// The budget share of the chunks that were taken and wait to be decoded.
    behind: BudgetShare,
    request: Flow,
    response: Flow,
    ended: Option<(End, Instant)>,
    /// Whether a job to read the waiting chunks is enqueued.
    handed_over: bool,
}

/// One direction.
#[derive(Default)]
pub(crate) struct Flow {
    pub(crate) chunks: Vec<(Instant, Bytes)>,
    waiting: usize,
    pub(crate) length: u64,
    /// Whether the reader failed because of a bug, so that the rest cannot be read.
    pub(crate) lost: bool,
}

/// The parsed parts of an exchange.
pub(crate) struct Taken {
    pub(crate) request: Flow,
    pub(crate) response: Flow,
    pub(crate) ended: Option<(End, Instant)>,
}

impl Exchange {
    /// A new exchange. `log` provides memory and a slot for its end.
    pub(crate) fn new(log: &AuditLog, head: RequestHead, sessions: Arc<Sessions>) -> Self {
        let gauges = log.recorder().gauges();
        let [held, behind] = [gauges.captured.nothing(), gauges.captured.nothing()];
        Self {
            call: CallId::new(head.at),
            head,
            response: OnceLock::new(),
            caller: CallerSlot::default(),
            failure: FailureSlot::default(),
            stream: OnceLock::new(),
            sessions,
            keep: Keep::of(log),
            windows: Arc::clone(&gauges.unpacking),
            background: log.background(),
            tool_watch: log.tool_watch(),
            place: Mutex::new(log.reserve()),
            traffic: Mutex::new(Traffic::new(held, behind)),
            parse_state: Mutex::default(),
        }
    }

    /// Whether the sign-in refused it: the proxy's own, or one inside the layer.
    pub(crate) fn is_refused(&self) -> bool {
        self.caller.is_refused() || self.response.get().is_some_and(|head| head.status == 401)
    }

    /// A decoder for one of its bodies.
    pub(crate) fn decoder(&self, codings: &[Coding], format: Format, growth: Growth) -> Decoder {
        Decoder::new(codings, format, growth, &self.keep, self.windows.nothing())
    }

    /// On the path: keeps a chunk, and returns the work that the waiting chunks need.
    pub(crate) fn chunk(&self, from: Side, chunk: &Bytes) -> Due {
        let mut traffic = self.traffic();
        if traffic.ended.is_some() || chunk.is_empty() {
            return Due::Nothing;
        }
        let fits = traffic.held.grow(chunk.len());
        let flow = match from {
            Side::Client => &mut traffic.request,
            Side::Server => &mut traffic.response,
        };
        flow.length += chunk.len() as u64;
        flow.waiting += chunk.len();
        let kept = if chunk.len() < SMALL { Bytes::copy_from_slice(chunk) } else { chunk.clone() };
        flow.chunks.push((Instant::now(), kept));
        if !fits || traffic.waiting() >= WAITING {
            return Due::Now;
        }
        // Of a stream that was resumed every piece: it may be what a call waits for, in a stream that stays open.
        let due = !traffic.handed_over && (self.head.resumed || traffic.waiting() >= HAND_OVER);
        traffic.handed_over |= due;
        if due { Due::HandOver } else { Due::Nothing }
    }

    /// Reads what waits, to its end.
    pub(crate) fn read_now(&self) {
        self.read_some(u64::MAX);
    }

    /// Reads waiting chunks, up to `quota`, and returns whether all were read. A bug in the reader must not break the
    /// traffic.
    pub(crate) fn read_some(&self, quota: u64) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.parse_state().absorb(self, quota))).unwrap_or_else(|_| {
            tracing::error!("captured traffic could not be parsed: a bug in the parser");
            let mut traffic = self.traffic();
            (traffic.request.lost, traffic.response.lost) = (true, true);
            true
        })
    }

    /// Stops decoding: the rest is never decoded.
    pub(crate) fn stop_unpacking(&self) {
        self.parse_state().stop();
    }

    /// Accounts for this many bytes that wait to be decoded. Returns whether the budget has room for them.
    pub(crate) fn keeps_waiting(&self, bytes: usize) -> bool {
        let mut traffic = self.traffic();
        traffic.behind.release();
        traffic.behind.grow(bytes)
    }

    /// On the path: the number of calls that are lost because there is no room.
    pub(crate) fn count_calls(&self) -> u64 {
        catch_unwind(AssertUnwindSafe(|| self.parse_state().count_calls(self))).unwrap_or(1)
    }

    /// Its reserved slot in the recorder's queue, once.
    pub(crate) fn place(&self) -> Option<Reservation> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether it has a reserved slot for its end.
    pub(crate) fn has_place(&self) -> bool {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether a refused exchange has its own entry, or is only counted.
    pub(crate) fn is_recorded_alone(&self, log: &AuditLog) -> bool {
        let address = self.head.peer.map(|peer| peer.ip().to_canonical().to_string());
        self.sessions.flood.is_recorded_alone(log, address, "MCP requests")
    }

    /// On the path: marks the exchange as ended. Only the first call has an effect.
    pub(crate) fn end(&self, end: End) -> bool {
        let mut traffic = self.traffic();
        let first = traffic.ended.is_none();
        traffic.ended.get_or_insert_with(|| (end, Instant::now()));
        first
    }

    /// Takes out what waits.
    pub(crate) fn take(&self) -> Taken {
        let mut traffic = self.traffic();
        traffic.handed_over = false;
        traffic.held.release();
        let ended = traffic.ended;
        Taken { request: traffic.request.take(), response: traffic.response.take(), ended }
    }

    pub(crate) fn parse_state(&self) -> MutexGuard<'_, ParseState> {
        self.parse_state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exchange {
    /// The exchange is no longer in flight.
    fn drop(&mut self) {
        self.sessions.end(self);
    }
}

impl Traffic {
    fn new(held: BudgetShare, behind: BudgetShare) -> Self {
        Self { held, behind, request: Flow::default(), response: Flow::default(), ended: None, handed_over: false }
    }

    fn waiting(&self) -> usize {
        self.request.waiting + self.response.waiting + self.behind.bytes()
    }
}

impl Flow {
    fn take(&mut self) -> Self {
        let waiting = std::mem::take(&mut self.waiting);
        Self { chunks: std::mem::take(&mut self.chunks), waiting, length: self.length, lost: self.lost }
    }
}
