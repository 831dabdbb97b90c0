//! Reads an exchange: from chunks to calls, answers and counts. The recorder's thread does this, or the path if too
//! much waits. Either way each byte is read once, in order.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use mcp_audit_log_model::event::{Body, new_id};
use uuid::Uuid;

use super::exchange::{Exchange, Flow, Taken};
use super::sessions::Asked;
use crate::parse::decode::{Decoder, Growth};
use crate::parse::document::Parts;
use crate::parse::jsonrpc::{MESSAGES, Message, Shape};
use crate::parse::reader::Format;
use crate::parse::sse::Seen;
use crate::tap::End;
use crate::tap::head::is_stateless;

/// The state of reading one exchange.
#[derive(Default)]
pub(crate) struct ParseState {
    request: Option<Intake>,
    response: Option<Intake>,
    pub(crate) calls: Option<Calls>,
    pub(crate) answers: Vec<Arrived>,
    /// The first document of the response that is not a message.
    pub(crate) stray: Option<Stray>,
    pub(crate) counters: Counters,
    pub(crate) ended: Option<(End, Instant)>,
    /// Whether the request's body declares the stateless protocol.
    pub(crate) stateless: bool,
    /// The beginning of a request without a message.
    pub(crate) raw_request: Option<Body>,
    /// The beginning of a response without a message.
    pub(crate) raw_response: Option<Body>,
    /// The digests of both.
    pub(crate) raw_digests: (Option<String>, Option<String>),
    last_chunk: Option<Instant>,
    last_event: Option<Vec<u8>>,
}

/// The reading state of one direction.
struct Intake {
    decoder: Decoder,
    length: u64,
    /// Whether all of its chunks arrived here.
    complete: bool,
    /// Chunks that arrived and that the decoder has not read yet.
    rest: VecDeque<(Instant, Bytes)>,
    /// When the decoder's current chunk arrived.
    at: Option<Instant>,
}

/// The messages of the request.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) list: Vec<Call>,
    pub(crate) batch: bool,
    pub(crate) left_out: usize,
}

/// One message of the request's body.
pub(crate) struct Call {
    /// The id of its future entry.
    pub(crate) event: Uuid,
    pub(crate) message: Message,
    pub(crate) body: Option<Body>,
    /// Whether its entry is recorded already.
    pub(crate) reported: bool,
    /// The time when the client cancelled the call; an answer may still come.
    pub(crate) cancelled: Option<Instant>,
}

/// One message of the response's body.
#[derive(Clone)]
pub(crate) struct Arrived {
    pub(crate) message: Message,
    pub(crate) at: Instant,
    pub(crate) body: Option<Body>,
}

/// A response body that is not a message.
pub(crate) struct Stray {
    /// Whether it is JSON that ends before it is complete.
    pub(crate) cut: bool,
}

/// Messages of a response that are counted without their own entry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) answers: u64,
    pub(crate) notifications: u64,
    pub(crate) progress: u64,
    /// When the first and the last progress notification came.
    pub(crate) progress_at: Option<(Instant, Instant)>,
    pub(crate) server_requests: u64,
}

impl ParseState {
    /// Reads waiting chunks, up to `quota` in decoded bytes, and returns whether all were read.
    pub(crate) fn absorb(&mut self, exchange: &Exchange, mut quota: u64) -> bool {
        let taken = exchange.take();
        self.ended = taken.ended;
        self.receive(exchange, taken);
        self.go_on(exchange, &mut quota);
        if !exchange.keeps_waiting(self.waiting()) {
            // There is no room for what waits.
            self.go_on(exchange, &mut { u64::MAX });
            exchange.keeps_waiting(0);
        }
        self.waiting() == 0
    }

    fn receive(&mut self, exchange: &Exchange, taken: Taken) {
        let head = &exchange.head;
        // MCP requests are JSON, whatever their header says: a server that ignores the header still understands them.
        let growth = if exchange.is_refused() { Growth::REFUSED } else { Growth::REQUEST };
        let new = || Intake::new(exchange.decoder(&head.codings, Format::Json, growth));
        let request = self.request.get_or_insert_with(new);
        // The refusal may be known only after the first pieces have come.
        request.decoder.bound(growth);
        request.receive(taken.request);
        let Some(head) = exchange.response.get() else { return };
        let new = || Intake::new(exchange.decoder(&head.codings, head.format, Growth::ANSWER));
        self.last_chunk = taken.response.chunks.last().map(|(at, _)| *at).or(self.last_chunk);
        self.response.get_or_insert_with(new).receive(taken.response);
    }

    fn go_on(&mut self, exchange: &Exchange, quota: &mut u64) {
        self.request.iter_mut().for_each(|request| request.go_on(quota, |_, _| {}));
        let Some(mut response) = self.response.take() else { return };
        response.go_on(quota, |at, parts| self.document(exchange, at, parts));
        self.last_event = response.decoder.reader().last_event_id().map(<[u8]>::to_vec);
        self.response = Some(response);
    }

    /// The number of received bytes that wait to be decoded; at least one if any waits.
    fn waiting(&self) -> usize {
        self.request.iter().chain(&self.response).map(Intake::waiting).sum()
    }

    /// Stops decoding: the rest is never decoded.
    pub(crate) fn stop(&mut self) {
        self.request.iter_mut().chain(&mut self.response).for_each(Intake::stop);
    }

    /// Reads the rest after the exchange has ended.
    pub(crate) fn finish(&mut self, exchange: &Exchange) {
        self.absorb(exchange, u64::MAX);
        self.read_calls(exchange);
        let Some((end, ended)) = self.ended else { return };
        let Some(mut intake) = self.response.take() else { return };
        let properly = end == End::Complete;
        let at = self.last_chunk.filter(|_| !properly).unwrap_or(ended);
        intake.decoder.finish(properly, &mut |parts| self.document(exchange, at, parts));
        self.last_event = intake.decoder.reader().last_event_id().map(<[u8]>::to_vec);
        self.response = Some(intake);
    }

    /// The number of calls, at least one. The path reads them if there is no room to record them.
    pub(crate) fn count_calls(&mut self, exchange: &Exchange) -> u64 {
        self.absorb(exchange, u64::MAX);
        self.read_calls(exchange);
        self.calls.as_ref().map_or(1, |calls| (calls.list.len() + calls.left_out).max(1) as u64)
    }

    /// Reads the request's messages if all of them arrived.
    pub(crate) fn read_whole_calls(&mut self, exchange: &Exchange) {
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
    pub(crate) fn take_answer(&mut self, call: &Message, only: bool) -> Option<Arrived> {
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

    /// The error that answers a notification; a notification has no other answer.
    pub(crate) fn failed_answer(&self) -> Option<Arrived> {
        self.answers.iter().find(|answer| answer.message.is_failure()).cloned()
    }

    /// Length of a body, and whether all of it was read.
    pub(crate) fn request(&self) -> (u64, bool) {
        self.request.as_ref().map_or((0, true), |intake| (intake.length, intake.is_whole()))
    }

    /// Length of a body, and whether all of it was read.
    pub(crate) fn response(&self) -> (u64, bool) {
        self.response.as_ref().map_or((0, true), |intake| (intake.length, intake.is_whole()))
    }

    /// The id of the last event of the response.
    pub(crate) fn last_event_id(&self) -> Option<&[u8]> {
        self.last_event.as_deref()
    }

    /// The findings in the response, if it is an event stream.
    pub(crate) fn seen(&self) -> Option<Seen> {
        self.response.as_ref().and_then(|intake| intake.decoder.reader().seen())
    }
}

impl Calls {
    /// The number of messages that need an answer.
    pub(crate) fn requests(&self) -> usize {
        self.list.iter().filter(|call| call.message.is(Shape::Request)).count()
    }
}

impl Intake {
    fn new(decoder: Decoder) -> Self {
        Self { decoder, length: 0, complete: true, rest: VecDeque::new(), at: None }
    }

    fn receive(&mut self, flow: Flow) {
        self.length = flow.length;
        self.complete &= !flow.lost;
        self.rest.extend(flow.chunks);
    }

    fn go_on(&mut self, quota: &mut u64, mut document: impl FnMut(Instant, Parts)) {
        if let Some(at) = self.at {
            self.decoder.go_on(quota, &mut |parts| document(at, parts));
        }
        while !self.decoder.is_behind()
            && let Some((at, chunk)) = self.rest.pop_front()
        {
            self.at = Some(at);
            self.decoder.push(&chunk, quota, &mut |parts| document(at, parts));
        }
    }

    fn waiting(&self) -> usize {
        usize::from(self.decoder.is_behind()) + self.rest.iter().map(|(_, chunk)| chunk.len()).sum::<usize>()
    }

    fn stop(&mut self) {
        if self.waiting() > 0 {
            self.complete = false;
            self.rest.clear();
            self.decoder.stop();
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
