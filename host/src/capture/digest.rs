//! Reading an exchange, on the recorder's thread: from chunks to calls, answers and counts.

use std::time::Instant;

use uuid::Uuid;

use super::decode::Decoder;
use super::document::Parts;
use super::exchange::{End, Exchange, Flow};
use super::head::is_stateless;
use super::jsonrpc::{MESSAGES, Message, Shape};
use super::reader::Format;
use super::sessions::Asked;
use super::sse::Seen;
use crate::event::{Body, new_id};

/// Longest body that is handed to the recorder. It keeps 64 KiB; the rest lets a mask see past the cut.
const BODY: usize = 68 << 10;

/// What was read so far.
#[derive(Default)]
pub(super) struct Digest {
    request: Option<Intake>,
    response: Option<Intake>,
    pub(super) calls: Option<Calls>,
    pub(super) answers: Vec<Arrived>,
    pub(super) tally: Tally,
    pub(super) ended: Option<(End, Instant)>,
    /// Whether the request's body says that it speaks the stateless protocol.
    pub(super) stateless: bool,
    last_chunk: Option<Instant>,
}

/// One direction's way in.
struct Intake {
    decoder: Decoder,
    length: u64,
    /// Whether everything could be read.
    whole: bool,
}

/// What the request's body said.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) list: Vec<Call>,
    pub(super) batch: bool,
    pub(super) left_out: usize,
}

/// One message of the request's body.
pub(super) struct Call {
    /// The id of the entry that it becomes.
    pub(super) event: Uuid,
    pub(super) message: Message,
    pub(super) body: Option<Body>,
    /// Whether its entry is made already.
    pub(super) reported: bool,
    /// Whether that entry says that the client cancelled it; an answer may come all the same.
    pub(super) cancelled: bool,
}

/// One message of the response's body.
#[derive(Clone)]
pub(super) struct Arrived {
    pub(super) message: Message,
    pub(super) at: Instant,
    pub(super) body: Option<Body>,
}

/// What is counted of a response and gets no entry of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) answers: u64,
    pub(super) notifications: u64,
    pub(super) progress: u64,
    /// When the first and the last progress notification came.
    pub(super) progress_at: Option<(Instant, Instant)>,
    pub(super) server_requests: u64,
}

impl Digest {
    /// Reads what waits.
    pub(super) fn absorb(&mut self, exchange: &Exchange) {
        let taken = exchange.take();
        self.ended = taken.ended;
        let head = &exchange.head;
        // Requests are JSON in MCP, whatever their header says: a server that does not look at it still understands them.
        let request = self.request.get_or_insert_with(|| Intake::new(Decoder::new(head.coding, Format::Json)));
        request.take(&taken.request, |_, _| {});
        let Some(head) = exchange.response.get() else { return };
        let mut intake = self.response.take().unwrap_or_else(|| Intake::new(Decoder::new(head.coding, head.format)));
        self.last_chunk = taken.response.chunks.last().map(|(at, _)| *at).or(self.last_chunk);
        intake.take(&taken.response, |at, parts| self.document(exchange, at, parts));
        self.response = Some(intake);
    }

    /// Reads what is left when the exchange is over.
    pub(super) fn finish(&mut self, exchange: &Exchange) {
        self.absorb(exchange);
        self.read_calls(exchange);
        if let (Some((End::Complete, at)), Some(intake)) = (self.ended, &mut self.response) {
            let reader = intake.decoder.reader();
            reader.finish();
            let last = reader.ready();
            last.into_iter().for_each(|document| self.document(exchange, at, document.into_parts()));
        }
        let rest = self.response.as_mut().map(|intake| intake.decoder.reader().rest());
        if let (Some(rest), Some(at)) = (rest.filter(|rest| !rest.is_empty()), self.last_chunk) {
            self.document(exchange, at, rest.into_parts());
        }
    }

    /// Reads the request's messages if they have all come.
    pub(super) fn read_whole_calls(&mut self, exchange: &Exchange) {
        let come = |intake: &mut Intake| intake.decoder.reader().so_far().messages().whole;
        if self.calls.is_none() && self.request.as_mut().is_some_and(come) {
            self.read_calls(exchange);
        }
    }

    /// Reads the request's messages, once.
    fn read_calls(&mut self, exchange: &Exchange) {
        if self.calls.is_some() {
            return;
        }
        let Some(intake) = &mut self.request else { return };
        let parts = intake.decoder.reader().rest().into_parts();
        let mut calls = Calls { batch: parts.messages.batch, left_out: parts.messages.left_out, list: Vec::new() };
        for message in &parts.messages.list {
            let body = exchange.head.keeps_payloads.then(|| body(&parts, message)).flatten();
            self.stateless |= message.params.protocol_version.as_deref().is_some_and(is_stateless);
            let event = if calls.list.is_empty() { exchange.call.get() } else { new_id(exchange.head.at) };
            calls.list.push(Call { event, message: message.clone(), body, reported: false, cancelled: false });
        }
        self.calls = Some(calls);
    }

    /// One document of the response.
    fn document(&mut self, exchange: &Exchange, at: Instant, parts: Parts) {
        for message in &parts.messages.list {
            match message.shape() {
                Some(Shape::Response) => self.answer(exchange, at, &parts, message),
                Some(Shape::Request) => self.server_request(exchange, at, &parts, message),
                Some(Shape::Notification) => self.tally.notification(message, at),
                None => {}
            }
        }
    }

    fn answer(&mut self, exchange: &Exchange, at: Instant, parts: &Parts, message: &Message) {
        self.tally.answers += 1;
        if self.answers.len() < MESSAGES {
            let body = exchange.head.keeps_payloads.then(|| body(parts, message)).flatten();
            self.answers.push(Arrived { message: message.clone(), at, body });
        }
    }

    fn server_request(&mut self, exchange: &Exchange, at: Instant, parts: &Parts, message: &Message) {
        self.tally.server_requests += 1;
        let body = exchange.head.keeps_payloads.then(|| body(parts, message)).flatten();
        self.read_whole_calls(exchange);
        let parent = match self.calls.as_ref().map(|calls| calls.list.as_slice()) {
            Some([call]) => Some(call.event),
            _ => None,
        };
        exchange.sessions.asked(exchange, Asked::new(message.clone(), at, body, parent));
    }

    /// The answer to a call: the one with its id. An error without an id is meant for the only call there is; so is the
    /// only answer, if the call's id tells nothing.
    pub(super) fn take_answer(&mut self, call: &Message, only: bool) -> Option<Arrived> {
        if call.id.is_none() {
            let the_only = only && self.tally.answers == 1;
            return if the_only { self.answers.pop() } else { None };
        }
        let fits = |answer: &Arrived| match &answer.message.id {
            Some(id) => call.id.as_ref() == Some(id),
            None => only && answer.message.error.is_some(),
        };
        let at = self.answers.iter().position(fits)?;
        Some(self.answers.remove(at))
    }

    /// The failure that answers a notification: nothing else was asked.
    pub(super) fn failed_answer(&self) -> Option<Arrived> {
        self.answers.iter().find(|answer| answer.message.is_failure()).cloned()
    }

    /// Length of a body, and whether all of it was read.
    pub(super) fn request(&self) -> (u64, bool) {
        self.request.as_ref().map_or((0, true), |intake| (intake.length, intake.whole))
    }

    /// Length of a body, and whether all of it was read.
    pub(super) fn response(&self) -> (u64, bool) {
        self.response.as_ref().map_or((0, true), |intake| (intake.length, intake.whole))
    }

    /// What was seen in the response if it is a stream of events.
    pub(super) fn seen(&mut self) -> Option<Seen> {
        self.response.as_mut().and_then(|intake| intake.decoder.reader().seen())
    }
}

impl Intake {
    fn new(decoder: Decoder) -> Self {
        Self { decoder, length: 0, whole: true }
    }

    fn take(&mut self, flow: &Flow, mut document: impl FnMut(Instant, Parts)) {
        self.length = flow.length;
        for (at, chunk) in &flow.chunks {
            self.whole &= self.decoder.push(chunk);
            let reader = self.decoder.reader();
            self.whole &= !reader.overrun;
            reader.ready().into_iter().for_each(|ready| document(*at, ready.into_parts()));
        }
        self.whole &= !flow.lost;
    }
}

impl Tally {
    fn notification(&mut self, message: &Message, at: Instant) {
        self.notifications += 1;
        if message.method.as_deref() == Some("notifications/progress") {
            self.progress += 1;
            self.progress_at = Some((self.progress_at.map_or(at, |(first, _)| first), at));
        }
    }
}

/// The bytes of a message. Of a document that was too long only the beginning is there, which is of use when the
/// document is the message.
pub(super) fn body(parts: &Parts, message: &Message) -> Option<Body> {
    let (bytes, length) = match (parts.shortened, parts.messages.batch) {
        (true, true) => return None,
        (true, false) => (parts.bytes.as_ref(), parts.length),
        (false, true) => {
            let bytes = parts.bytes.get(message.range.clone())?;
            (bytes, bytes.len() as u64)
        }
        (false, false) => (parts.bytes.as_ref(), parts.length),
    };
    let kept = &bytes[..bytes.len().min(BODY)];
    Some(Body { truncated: (kept.len() as u64) < length, bytes: kept.to_vec().into(), length })
}
