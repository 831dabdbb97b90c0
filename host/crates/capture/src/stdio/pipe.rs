//! Two directions of lines between a client and a server: matches answers to requests and finds their outcomes.

mod lines;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mcp_audit_log_model::event::{Body, Caller, Channel, Client, Event, Kind, OutcomeDetail};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_service::ToolListing;
use uuid::Uuid;

use super::pipe::lines::{Answer, Lines, Pending};
use crate::mcp::classify::{Ending, EventContext, of_message};
use crate::mcp::context::{integer, micros, payload};
use crate::mcp::facts::target;
use crate::mcp::failure::{NoAnswer, failure};
use crate::mcp::listing::tool_listing;
use crate::parse::document::{Keep, Parts};
use crate::parse::jsonrpc::{Id, Message, Shape};
use crate::tap::head::trace_id;
use crate::tap::{End, Side};

/// The most requests of one side that wait for an answer; beyond that the oldest is dropped.
const PENDING: usize = 4_096;
/// One in this many client lines that are not messages is recorded.
const TOLD: u64 = 100;
/// How long a call that was cancelled may wait for an answer before its entry is made.
const CANCEL_WAIT: Duration = Duration::from_secs(2);

/// The time when a chunk came.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) instant: Instant,
}

/// The state of a pipe.
pub(crate) struct Pipe {
    scene: EventContext,
    begun: Moment,
    client: Lines,
    server: Lines,
    /// Calls that were recorded as cancelled because no answer came in time. An answer may still come.
    cancelled: VecDeque<(Uuid, Pending)>,
    /// Listings of tools that are not compared yet; the viewer is missing.
    pub(crate) listings: Vec<ToolListing>,
    /// Lines of the client that are not messages.
    unreadable: u64,
    /// Lines of the server that are not messages, mostly its log.
    stray: u64,
}

impl Pipe {
    pub(crate) fn new(server: String, caller: Caller, begun: Moment) -> Self {
        let scene = EventContext {
            channel: Channel::Stdio,
            server,
            path: None,
            status: None,
            caller,
            client: Client::default(),
            trace_id: None,
            protocol: None,
        };
        Self {
            scene,
            begun,
            client: Lines::new(),
            server: Lines::new(),
            cancelled: VecDeque::new(),
            listings: Vec::new(),
            unreadable: 0,
            stray: 0,
        }
    }

    /// Reads a piece from `side`. `torn` means that something before it was lost.
    pub(crate) fn read(&mut self, side: Side, piece: &[u8], moment: Moment, keep: Keep, torn: bool) -> Vec<Event> {
        let mut events = Vec::new();
        for line in self.lines(side).read(piece, moment, keep, torn) {
            self.line(side, line, moment, &mut events);
        }
        events
    }

    /// Cancelled calls that have waited long enough for an answer of the server.
    pub(crate) fn overdue(&mut self, moment: Moment) -> Vec<Event> {
        let overdue = |call: &Pending| {
            let since = call.cancelled.map(|since| moment.instant.saturating_duration_since(since.instant));
            since.is_some_and(|since| since >= CANCEL_WAIT)
        };
        let (overdue, waiting) = self.client.pending.drain(..).partition(overdue);
        self.client.pending = waiting;
        let overdue: VecDeque<Pending> = overdue;
        overdue.into_iter().map(|call| self.give_up(call)).collect()
    }

    /// Whether a cancelled call waits for an answer of the server.
    pub(crate) fn has_cancelled(&self) -> bool {
        self.client.pending.iter().any(|call| call.cancelled.is_some())
    }

    /// The pipe is closed: open requests get no answer.
    pub(crate) fn close(&mut self, moment: Moment) -> Vec<Event> {
        let mut events = Vec::new();
        for side in [Side::Client, Side::Server] {
            // A last line without its end was forwarded too.
            self.rest(side, moment, &mut events);
        }
        let pending: Vec<_> = self.client.pending.drain(..).collect();
        events.extend(pending.into_iter().map(|call| {
            let until = call.cancelled.unwrap_or(moment);
            self.call(call, None, until, &Ending::unanswered(false))
        }));
        let asked: Vec<_> = self.server.pending.drain(..).collect();
        events.extend(asked.into_iter().map(|asked| self.server_request(asked, None, moment)));
        events.extend(self.strays(moment));
        events
    }

    /// The part of a last line without an end.
    fn rest(&mut self, side: Side, moment: Moment, events: &mut Vec<Event>) {
        let (rest, seen) = self.lines(side).rest();
        self.line(side, rest, seen.unwrap_or(moment), events);
    }

    fn line(&mut self, side: Side, parts: Parts, moment: Moment, events: &mut Vec<Event>) {
        if parts.messages.list.is_empty() && !parts.blank {
            match side {
                Side::Client => events.extend(self.no_message(moment)),
                Side::Server => self.stray += 1,
            }
        }
        for mut message in parts.messages.list {
            let (length, body, shape) = (message.length, message.body.take(), message.shape());
            let sent = Pending::new(message, moment, body, length);
            match shape {
                Some(Shape::Request) => events.extend(self.request(side, sent)),
                Some(Shape::Response) => self.answer(side, Answer::of(sent), events),
                Some(Shape::Notification) => self.notification(side, sent, events),
                None => {}
            }
        }
    }

    fn request(&mut self, side: Side, sent: Pending) -> Option<Event> {
        let moment = sent.since;
        let pending = &mut self.lines(side).pending;
        pending.push_back(sent);
        let given_up = if pending.len() > PENDING { pending.pop_front() } else { None };
        given_up.map(|call| match side {
            Side::Client => self.call(
                call,
                None,
                moment,
                &Ending { end: End::Complete, no_answer: NoAnswer::GivenUp, ..Ending::unanswered(false) },
            ),
            Side::Server => self.server_request(call, None, moment),
        })
    }

    /// An answer belongs to the oldest request of the other side with its id.
    fn answer(&mut self, side: Side, answer: Answer, events: &mut Vec<Event>) {
        let (at, asker) = (answer.at, side.other());
        let mut asked = self.lines(asker).take(&answer.message);
        if asked.is_none() && self.lines(asker).is_whole() {
            // A request whose line lacks its end: at the end of the input no end comes, and servers answer it.
            self.rest(asker, at, events);
            asked = self.lines(asker).take(&answer.message);
        }
        events.extend(match (side, asked) {
            (Side::Client, Some(asked)) => Some(self.server_request(asked, Some(answer), at)),
            (Side::Client, None) => Some(self.unmatched(Kind::ServerRequest, answer)),
            (Side::Server, Some(call)) => Some(self.call(call, Some(answer), at, &Ending::unanswered(false))),
            (Side::Server, None) => self.late_answer(answer),
        });
    }

    /// The event about an answer without a request.
    fn unmatched(&self, kind: Kind, answer: Answer) -> Event {
        let Answer { message, at, body, length } = answer;
        let detail = Ending::unanswered(false).detail(Shape::Request, Some(&message));
        let event = self.scene.event(at.at, kind, detail).fact("unmatched", true);
        let mut event = event.fact("response_bytes", integer(length));
        event.facts.extend(message.digest.clone().map(|digest| ("response_digest".to_owned(), digest.into())));
        event.request_id = message.id.as_ref().map(Id::text);
        event.failure = failure(detail, None, message.error.flatten(), None);
        event.payload = payload(None, body);
        event
    }

    fn notification(&mut self, side: Side, sent: Pending, events: &mut Vec<Event>) {
        let method = sent.message.method.as_deref();
        if side == Side::Server && method == Some("notifications/progress") {
            return self.progress(&sent.message);
        }
        if let Some(id) = sent.message.params.request_id.as_ref().filter(|_| method == Some("notifications/cancelled"))
        {
            self.lines(side).cancel(id, sent.since);
        }
        let moment = sent.since;
        let accepted = Ending { end: End::Complete, ..Ending::unanswered(false) };
        let mut event = self.call(sent, None, moment, &accepted);
        if side == Side::Server {
            event.kind = Kind::ServerNotification;
        }
        events.push(event);
    }

    /// No answer to the cancelled call came in time.
    fn give_up(&mut self, call: Pending) -> Event {
        let until = call.cancelled.unwrap_or(call.since);
        let event = self.call(call.clone(), None, until, &Ending::unanswered(false));
        if self.cancelled.len() >= PENDING {
            self.cancelled.pop_front();
        }
        self.cancelled.push_back((event.id, call));
        event
    }

    /// An answer to a call that already has its entry (such as a cancelled one), or to no call. An error for a
    /// cancelled call adds nothing; a success is recorded.
    fn late_answer(&mut self, answer: Answer) -> Option<Event> {
        let id = answer.message.id.as_ref();
        let at = self.cancelled.iter().position(|(_, call)| id.is_some() && call.message.id.as_ref() == id);
        let Some((cancelled, mut call)) = at.and_then(|at| self.cancelled.remove(at)) else {
            return Some(self.unmatched(Kind::LateAnswer, answer));
        };
        answer.message.result.as_ref()?;
        (call.cancelled, call.body) = (None, None);
        let until = answer.at;
        let event = self.call(call, Some(answer), until, &Ending::unanswered(false));
        Some(Event { kind: Kind::LateAnswer, parent: Some(cancelled), ..event }.fact("after_cancel", true))
    }

    fn progress(&mut self, message: &Message) {
        let Some(token) = message.params.progress_token.as_ref() else { return };
        let mut pending = self.client.pending.iter_mut();
        if let Some(call) = pending.find(|call| call.message.params.progress_token.as_ref() == Some(token)) {
            call.progress += 1;
        }
    }

    /// The event about a message and, if it is a request, its answer.
    fn call(&mut self, call: Pending, answer: Option<Answer>, until: Moment, ending: &Ending) -> Event {
        let message = &call.message;
        if message.method.as_deref() == Some("initialize") {
            self.scene.introduce(&message.params.client);
            let agreed = answer.as_ref().and_then(|answer| answer.message.result.as_ref()?.protocol_version.clone());
            self.scene.protocol = agreed;
        }
        let mut scene = self.scene.clone();
        scene.introduce(&message.params.client);
        scene.protocol = scene.protocol.or_else(|| message.params.protocol_version.clone());
        scene.trace_id = message.params.traceparent.as_deref().and_then(trace_id).map(str::to_owned);
        let ending = Ending { cancelled: call.cancelled.is_some(), ..*ending };
        let mut event =
            of_message(&scene, call.since.at, message, answer.as_ref().map(|answer| &answer.message), &ending);
        event.duration_us = Some(micros(call.since.instant, until.instant));
        if call.progress > 0 {
            event = event.fact("progress", call.progress);
        }
        self.listings.extend(answer.as_ref().and_then(|answer| tool_listing(&event, message, &answer.message)));
        with_bodies(event, call, answer)
    }

    /// The event about a server's request.
    fn server_request(&mut self, asked: Pending, answer: Option<Answer>, until: Moment) -> Event {
        let ending = Ending::unanswered(asked.cancelled.is_some());
        let message = answer.as_ref().map(|answer| &answer.message);
        let detail = ending.detail(Shape::Request, message);
        let mut event = self.scene.event(asked.since.at, Kind::ServerRequest, detail);
        event.method = asked.message.method.clone();
        event.target = target(&asked.message);
        event.request_id = asked.message.id.as_ref().map(Id::text);
        event.duration_us = Some(micros(asked.since.instant, until.instant));
        event.failure = failure(detail, None, message.and_then(|answer| answer.error).flatten(), None);
        with_bodies(event, asked, answer)
    }

    /// A client line that is not a message, although it may have been a call. It is forwarded, and some of them are
    /// recorded.
    fn no_message(&mut self, moment: Moment) -> Option<Event> {
        self.unreadable += 1;
        let event = self.scene.event(moment.at, Kind::Http, OutcomeDetail::Unknown).fact("not_json", true);
        (self.unreadable % TOLD == 1)
            .then(|| Event { failure: failure(OutcomeDetail::Unknown, None, None, None), ..event })
    }

    /// Server lines that are not messages are forwarded and are not failures; their number is recorded at the end.
    fn strays(&self, moment: Moment) -> Option<Event> {
        let event = self.scene.event(self.begun.at, Kind::Stream, OutcomeDetail::Ok).fact("phase", "closed");
        let event = Event { duration_us: Some(micros(self.begun.instant, moment.instant)), ..event };
        (self.stray > 0).then(|| event.fact("stray_lines", integer(self.stray)))
    }

    fn lines(&mut self, side: Side) -> &mut Lines {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

fn with_bodies(mut event: Event, sent: Pending, answer: Option<Answer>) -> Event {
    event = event.fact("request_bytes", integer(sent.length));
    let (length, response): (Option<u64>, Option<Option<Body>>) =
        answer.map(|answer| (answer.length, answer.body)).unzip();
    if let Some(length) = length {
        event = event.fact("response_bytes", integer(length));
    }
    event.payload = payload(sent.body, response.flatten());
    event
}
