//! Reading an exchange: from chunks to calls, answers and counts. It is done on the recorder's thread, and on the path
//! where too much waits for that: each byte is read once, in order, wherever that is.

use std::time::Instant;

use uuid::Uuid;

use super::decode::{Decoder, Growth};
use super::document::Parts;
use super::jsonrpc::{MESSAGES, Message, Shape};
use super::reader::Format;
use super::sse::Seen;
use crate::capture::mcp::sessions::Asked;
use crate::capture::tap::exchange::{End, Exchange, Flow};
use crate::capture::tap::head::is_stateless;
use crate::event::{Body, new_id};

/// What was read so far.
#[derive(Default)]
pub(in crate::capture) struct ParseState {
    request: Option<Intake>,
    response: Option<Intake>,
    pub(in crate::capture) calls: Option<Calls>,
    pub(in crate::capture) answers: Vec<Arrived>,
    /// The first document of the response that is no message.
    pub(in crate::capture) stray: Option<Stray>,
    pub(in crate::capture) counters: Counters,
    pub(in crate::capture) ended: Option<(End, Instant)>,
    /// Whether the request's body declares the stateless protocol.
    pub(in crate::capture) stateless: bool,
    /// The beginning of a request in which there is no message.
    pub(in crate::capture) raw_request: Option<Body>,
    /// The beginning of a response in which there is no message.
    pub(in crate::capture) raw_response: Option<Body>,
    /// The digests of both.
    pub(in crate::capture) raw_digests: (Option<String>, Option<String>),
    last_chunk: Option<Instant>,
    last_event: Option<Vec<u8>>,
}

/// One direction's way in.
struct Intake {
    decoder: Decoder,
    length: u64,
    /// Whether nothing of it was lost on the way here.
    complete: bool,
}

/// The messages of the request.
#[derive(Default)]
pub(in crate::capture) struct Calls {
    pub(in crate::capture) list: Vec<Call>,
    pub(in crate::capture) batch: bool,
    pub(in crate::capture) left_out: usize,
}

/// One message of the request's body.
pub(in crate::capture) struct Call {
    /// The id of the entry that it becomes.
    pub(in crate::capture) event: Uuid,
    pub(in crate::capture) message: Message,
    pub(in crate::capture) body: Option<Body>,
    /// Whether its entry is made already.
    pub(in crate::capture) reported: bool,
    /// When the client took it back; an answer may come all the same.
    pub(in crate::capture) cancelled: Option<Instant>,
}

/// One message of the response's body.
#[derive(Clone)]
pub(in crate::capture) struct Arrived {
    pub(in crate::capture) message: Message,
    pub(in crate::capture) at: Instant,
    pub(in crate::capture) body: Option<Body>,
}

/// A response body that is not a message.
pub(in crate::capture) struct Stray {
    /// Whether it is JSON that ends before it is whole.
    pub(in crate::capture) cut: bool,
}

/// Messages of a response that are counted and get no entry of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::capture) struct Counters {
    pub(in crate::capture) answers: u64,
    pub(in crate::capture) notifications: u64,
    pub(in crate::capture) progress: u64,
    /// When the first and the last progress notification came.
    pub(in crate::capture) progress_at: Option<(Instant, Instant)>,
    pub(in crate::capture) server_requests: u64,
}

impl ParseState {
    /// Reads what waits.
    pub(in crate::capture) fn absorb(&mut self, exchange: &Exchange) {
        let taken = exchange.take();
        self.ended = taken.ended;
        let head = &exchange.head;
        // MCP requests are JSON, whatever their header says: a server that ignores the header still understands them.
        let growth = if exchange.status() == Some(401) { Growth::REFUSED } else { Growth::REQUEST };
        let new = || Intake::new(exchange.decoder(&head.codings, Format::Json, growth));
        self.request.get_or_insert_with(new).take(&taken.request, |_, _| {});
        let Some(head) = exchange.response.get() else { return };
        let new = || Intake::new(exchange.decoder(&head.codings, head.format, Growth::ANSWER));
        let mut intake = self.response.take().unwrap_or_else(new);
        self.last_chunk = taken.response.chunks.last().map(|(at, _)| *at).or(self.last_chunk);
        intake.take(&taken.response, |at, parts| self.document(exchange, at, parts));
        self.last_event = intake.decoder.reader().last_event_id().map(<[u8]>::to_vec);
        self.response = Some(intake);
    }

    /// Reads what is left when the exchange is over.
    pub(in crate::capture) fn finish(&mut self, exchange: &Exchange) {
        self.absorb(exchange);
        self.read_calls(exchange);
        let Some((end, ended)) = self.ended else { return };
        let Some(mut intake) = self.response.take() else { return };
        let properly = end == End::Complete;
        let at = self.last_chunk.filter(|_| !properly).unwrap_or(ended);
        intake.decoder.finish(properly, &mut |parts| self.document(exchange, at, parts));
        self.last_event = intake.decoder.reader().last_event_id().map(<[u8]>::to_vec);
        self.response = Some(intake);
    }

    /// How many calls there are, at least one. Read on the path when there is no room to record them.
    pub(in crate::capture) fn count_calls(&mut self, exchange: &Exchange) -> u64 {
        self.absorb(exchange);
        self.read_calls(exchange);
        self.calls.as_ref().map_or(1, |calls| (calls.list.len() + calls.left_out).max(1) as u64)
    }

    /// Reads the request's messages if they have all come.
    pub(in crate::capture) fn read_whole_calls(&mut self, exchange: &Exchange) {
        let come = |intake: &Intake| intake.decoder.reader().is_whole();
        if self.calls.is_none() && self.request.as_ref().is_some_and(come) {
            self.read_calls(exchange);
        }
    }

    /// Reads the request's messages, once.
    fn read_calls(&mut self, exchange: &Exchange) {
        if self.calls.is_some() {
            return;
        }
        let Some(intake) = &mut self.request else { return };
        let mut calls = Calls::default();
        intake.decoder.finish(false, &mut |parts| {
            calls.batch |= parts.messages.batch;
            calls.left_out += parts.messages.left_out;
            (self.raw_request, self.raw_digests.0) = (parts.raw, parts.digest);
            for mut message in parts.messages.list {
                self.stateless |= message.params.protocol_version.as_deref().is_some_and(is_stateless);
                let event = if calls.list.is_empty() { exchange.call.get() } else { new_id(exchange.head.at) };
                let body = message.body.take();
                calls.list.push(Call { event, message, body, reported: false, cancelled: None });
            }
        });
        self.calls = Some(calls);
    }

    /// One document of the response.
    fn document(&mut self, exchange: &Exchange, at: Instant, parts: Parts) {
        if parts.messages.list.is_empty() && !parts.blank {
            self.stray.get_or_insert(Stray { cut: parts.cut });
            (self.raw_response, self.raw_digests.1) = (parts.raw, parts.digest);
        }
        for message in parts.messages.list {
            match message.shape() {
                Some(Shape::Response) => self.answer(at, message),
                Some(Shape::Request) => self.server_request(exchange, at, message),
                Some(Shape::Notification) => self.counters.notification(&message, at),
                None => {}
            }
        }
    }

    fn answer(&mut self, at: Instant, mut message: Message) {
        self.counters.answers += 1;
        if self.answers.len() < MESSAGES {
            let body = message.body.take();
            self.answers.push(Arrived { message, at, body });
        }
    }

    fn server_request(&mut self, exchange: &Exchange, at: Instant, mut message: Message) {
        self.counters.server_requests += 1;
        let body = message.body.take();
        self.read_whole_calls(exchange);
        let parent = match self.calls.as_ref().map(|calls| calls.list.as_slice()) {
            Some([call]) => Some(call.event),
            _ => None,
        };
        exchange.sessions.asked(exchange, Asked::new(message, at, body, parent));
    }

    /// The answer to a call: the one with its id. An error without an id belongs to the only call; so does the only
    /// answer, if the call's id is unusable.
    pub(in crate::capture) fn take_answer(&mut self, call: &Message, only: bool) -> Option<Arrived> {
        if call.id.is_none() {
            let the_only = only && self.counters.answers == 1;
            return if the_only { self.answers.pop() } else { None };
        }
        let fits = |answer: &Arrived| match &answer.message.id {
            Some(id) => call.id.as_ref() == Some(id),
            None => only && answer.message.error.is_some(),
        };
        // The only answer to the only call is its answer, whatever id it has.
        let only = (only && self.counters.answers == 1 && !self.answers.is_empty()).then_some(0);
        let at = self.answers.iter().position(fits).or(only)?;
        Some(self.answers.remove(at))
    }

    /// The failure that answers a notification: nothing else was asked.
    pub(in crate::capture) fn failed_answer(&self) -> Option<Arrived> {
        self.answers.iter().find(|answer| answer.message.is_failure()).cloned()
    }

    /// Length of a body, and whether all of it was read.
    pub(in crate::capture) fn request(&self) -> (u64, bool) {
        self.request.as_ref().map_or((0, true), |intake| (intake.length, intake.is_whole()))
    }

    /// Length of a body, and whether all of it was read.
    pub(in crate::capture) fn response(&self) -> (u64, bool) {
        self.response.as_ref().map_or((0, true), |intake| (intake.length, intake.is_whole()))
    }

    /// The id of the last event of the response.
    pub(in crate::capture) fn last_event_id(&self) -> Option<&[u8]> {
        self.last_event.as_deref()
    }

    /// What was seen in the response if it is a stream of events.
    pub(in crate::capture) fn seen(&self) -> Option<Seen> {
        self.response.as_ref().and_then(|intake| intake.decoder.reader().seen())
    }
}

impl Calls {
    /// How many of them want an answer.
    pub(in crate::capture) fn requests(&self) -> usize {
        self.list.iter().filter(|call| call.message.is(Shape::Request)).count()
    }
}

impl Intake {
    fn new(decoder: Decoder) -> Self {
        Self { decoder, length: 0, complete: true }
    }

    fn take(&mut self, flow: &Flow, mut document: impl FnMut(Instant, Parts)) {
        self.length = flow.length;
        self.complete &= !flow.lost;
        for (at, chunk) in &flow.chunks {
            self.decoder.push(chunk, &mut |parts| document(*at, parts));
        }
    }

    /// Whether everything could be read.
    fn is_whole(&self) -> bool {
        self.complete && self.decoder.is_good()
    }
}

impl Counters {
    fn notification(&mut self, message: &Message, at: Instant) {
        self.notifications += 1;
        if message.method.as_deref() == Some("notifications/progress") {
            self.progress += 1;
            self.progress_at = Some((self.progress_at.map_or(at, |(first, _)| first), at));
        }
    }
}
