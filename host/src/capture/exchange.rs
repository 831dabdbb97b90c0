//! One HTTP exchange under observation: what the path puts in, in constant time, and what the recorder's thread takes out.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use uuid::Uuid;

use super::caller::CallerSlot;
use super::digest::Digest;
use super::head::{RequestHead, ResponseHead};
use super::parent::CallId;
use super::sessions::Sessions;
use super::transport::FailureSlot;
use crate::AuditLog;

/// Most bytes of one body that wait to be read; what comes while so many wait is lost to the log, never to the traffic.
const WAITING: usize = 1 << 20;
/// Most bytes that wait in all exchanges together.
const WAITING_IN_ALL: usize = 64 << 20;
/// When so many bytes wait, they are handed over to be read.
const HAND_OVER: usize = 64 << 10;
/// Chunks smaller than this are copied: a clone would hold on to a whole buffer of the connection.
const SMALL: usize = 2 << 10;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The response was sent to its last byte.
    Complete,
    /// The client hung up.
    ClientClosed,
    /// The server broke off, or whoever handled it panicked.
    Broken,
}

/// One exchange. It does not hold the log: a job on the recorder's thread may be the last to hold an exchange, and the
/// log must not be closed from there.
pub(super) struct Exchange {
    pub(super) head: RequestHead,
    pub(super) response: OnceLock<ResponseHead>,
    pub(super) caller: CallerSlot,
    pub(super) failure: FailureSlot,
    /// The id of the entry about the first message.
    pub(super) call: CallId,
    /// The id of the entry about its opening, if it is a stream.
    pub(super) stream: OnceLock<Uuid>,
    pub(super) sessions: Arc<Sessions>,
    traffic: Mutex<Traffic>,
    /// Touched on the recorder's thread only.
    digest: Mutex<Digest>,
}

/// What the path has seen and nobody has read yet.
#[derive(Default)]
struct Traffic {
    request: Flow,
    response: Flow,
    ended: Option<(End, Instant)>,
    /// Whether a job to read what waits is on its way.
    handed_over: bool,
}

/// One direction.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) chunks: Vec<(Instant, Bytes)>,
    waiting: usize,
    pub(super) length: u64,
    /// Whether bytes were lost to the log, after which nothing more is kept.
    pub(super) lost: bool,
}

/// What was taken out of the traffic.
pub(super) struct Taken {
    pub(super) request: Flow,
    pub(super) response: Flow,
    pub(super) ended: Option<(End, Instant)>,
}

/// A direction of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

impl Exchange {
    pub(super) fn new(head: RequestHead, sessions: Arc<Sessions>) -> Self {
        Self {
            call: CallId::new(head.at),
            head,
            response: OnceLock::new(),
            caller: CallerSlot::default(),
            failure: FailureSlot::default(),
            stream: OnceLock::new(),
            sessions,
            traffic: Mutex::default(),
            digest: Mutex::default(),
        }
    }

    /// On the path: keeps a chunk. Returns how many bytes are to be handed over now, if any are.
    pub(super) fn chunk(&self, direction: Direction, chunk: &Bytes) -> Option<usize> {
        let mut traffic = self.traffic();
        if traffic.ended.is_some() {
            return None;
        }
        let flow = match direction {
            Direction::Request => &mut traffic.request,
            Direction::Response => &mut traffic.response,
        };
        flow.length += chunk.len() as u64;
        self.keep(flow, chunk);
        let due = !traffic.handed_over && traffic.waiting() >= HAND_OVER;
        traffic.handed_over |= due;
        due.then(|| traffic.waiting())
    }

    fn keep(&self, flow: &mut Flow, chunk: &Bytes) {
        let full = flow.waiting + chunk.len() > WAITING
            || self.sessions.waiting.load(Ordering::Relaxed) + chunk.len() > WAITING_IN_ALL;
        flow.lost |= full;
        if flow.lost || chunk.is_empty() {
            return;
        }
        self.sessions.waiting.fetch_add(chunk.len(), Ordering::Relaxed);
        flow.waiting += chunk.len();
        let kept = if chunk.len() < SMALL { Bytes::copy_from_slice(chunk) } else { chunk.clone() };
        flow.chunks.push((Instant::now(), kept));
    }

    /// The job of reading could not be queued: it is tried again with the next chunk.
    pub(super) fn not_handed_over(&self) {
        self.traffic().handed_over = false;
    }

    /// Whether a refused exchange has an entry of its own, or counts among many.
    pub(super) fn is_told_alone(&self, log: &AuditLog) -> bool {
        let address = self.head.peer.map(|peer| peer.ip().to_canonical().to_string());
        self.sessions.flood.is_told_alone(log, address, "MCP requests")
    }

    /// On the path: the exchange is over. Returns how many bytes still wait, the first time.
    pub(super) fn end(&self, end: End) -> Option<usize> {
        let mut traffic = self.traffic();
        if traffic.ended.is_some() {
            return None;
        }
        traffic.ended = Some((end, Instant::now()));
        Some(traffic.waiting())
    }

    /// Takes out what waits.
    pub(super) fn take(&self) -> Taken {
        let mut traffic = self.traffic();
        traffic.handed_over = false;
        let waiting = traffic.waiting();
        let ended = traffic.ended;
        let taken = Taken { request: traffic.request.take(), response: traffic.response.take(), ended };
        self.sessions.waiting.fetch_sub(waiting, Ordering::Relaxed);
        taken
    }

    pub(super) fn digest(&self) -> MutexGuard<'_, Digest> {
        self.digest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exchange {
    /// It is in flight no longer, and what was never read waits no longer.
    fn drop(&mut self) {
        self.sessions.end(self);
        drop(self.take());
    }
}

impl Traffic {
    fn waiting(&self) -> usize {
        self.request.waiting + self.response.waiting
    }
}

impl Flow {
    fn take(&mut self) -> Self {
        let waiting = std::mem::take(&mut self.waiting);
        Self { chunks: std::mem::take(&mut self.chunks), waiting, length: self.length, lost: self.lost }
    }
}
