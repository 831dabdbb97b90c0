//! Two directions of lines between a client and a server: which answer belongs to which request, and what becomes of it.

use std::collections::VecDeque;
use std::time::Instant;

use uuid::Uuid;

use super::circumstances::payload;
use super::classify::{Ending, Scene, of_message};
use super::document::{Keep, Parts};
use super::exchange::End;
use super::failure::failure;
use super::head::trace_id;
use super::jsonrpc::{Id, Message, Shape};
use super::reader::{Format, Reader};
use super::target::target;
use crate::event::{Body, Caller, Channel, Client, Detail, Event, Kind};
use crate::time::Timestamp;

/// Most requests of one side that wait for an answer; beyond that the oldest is given up.
const PENDING: usize = 4_096;
/// Of so many lines that are no JSON, one is told.
const TOLD: u64 = 100;

/// Who sends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// When a piece came.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) instant: Instant,
}

/// The state of a pipe.
pub(super) struct Pipe {
    scene: Scene,
    protocol: Option<String>,
    client: Lines,
    server: Lines,
    /// Requests that the client cancelled, with their entries; an answer may come all the same.
    cancelled: VecDeque<(Uuid, Pending)>,
    not_json: u64,
}

/// One direction.
struct Lines {
    reader: Reader,
    /// Whether the line's beginning was lost, so that its end is no message.
    torn: bool,
    pending: VecDeque<Pending>,
}

/// A request that waits for its answer.
#[derive(Clone)]
struct Pending {
    message: Message,
    since: Moment,
    body: Option<Body>,
    progress: i64,
}

impl Pipe {
    pub(super) fn new(server: String, caller: Caller) -> Self {
        let client = Client::default();
        let scene = Scene { channel: Channel::Stdio, server, path: None, status: None, caller, client, trace_id: None };
        let (client, server) = (Lines::new(), Lines::new());
        Self { scene, protocol: None, client, server, cancelled: VecDeque::new(), not_json: 0 }
    }

    /// Reads a piece of what `side` sends. `torn` says that something before it was lost.
    pub(super) fn read(&mut self, side: Side, piece: &[u8], moment: Moment, keep: Keep, torn: bool) -> Vec<Event> {
        let mut events = Vec::new();
        self.lines(side).reader.keep(keep);
        for line in self.lines(side).read(piece, torn) {
            self.line(side, line, moment, &mut events);
        }
        events
    }

    /// The pipe is closed: what waits for an answer gets none.
    pub(super) fn close(&mut self, moment: Moment) -> Vec<Event> {
        let mut events = Vec::new();
        for side in [Side::Client, Side::Server] {
            // A last line without its end was handed on all the same.
            let rest = self.lines(side).reader.rest();
            self.line(side, rest, moment, &mut events);
        }
        let pending: Vec<_> = self.client.pending.drain(..).collect();
        events.extend(pending.into_iter().map(|call| self.call(call, None, moment, &ending(false))));
        let asked: Vec<_> = self.server.pending.drain(..).collect();
        events.extend(asked.into_iter().map(|asked| self.server_request(asked, None, moment)));
        events
    }

    fn line(&mut self, side: Side, parts: Parts, moment: Moment, events: &mut Vec<Event>) {
        if parts.messages.list.is_empty() && !parts.blank {
            events.extend(self.no_json(side, moment));
        }
        for message in &parts.messages.list {
            let body = message.body.clone();
            match (side, message.shape()) {
                (_, Some(Shape::Request)) => events.extend(self.request(side, message.clone(), moment, body)),
                (_, Some(Shape::Response)) => events.extend(self.answer(side, message, moment, body)),
                (Side::Client, Some(Shape::Notification)) => events.extend(self.notification(message, moment, body)),
                (Side::Server, Some(Shape::Notification)) => self.progress(message),
                (_, None) => {}
            }
        }
    }

    fn request(&mut self, side: Side, message: Message, moment: Moment, body: Option<Body>) -> Option<Event> {
        let pending = &mut self.lines(side).pending;
        pending.push_back(Pending { message, since: moment, body, progress: 0 });
        let given_up = if pending.len() > PENDING { pending.pop_front() } else { None };
        given_up.map(|call| match side {
            Side::Client => self.call(call, None, moment, &Ending { readable: false, ..ending(false) }),
            Side::Server => self.server_request(call, None, moment),
        })
    }

    /// An answer belongs to the oldest request of the other side with its id.
    fn answer(&mut self, side: Side, answer: &Message, moment: Moment, body: Option<Body>) -> Option<Event> {
        let id = answer.id.as_ref();
        match side {
            Side::Client => {
                let asked = self.server.take(id)?;
                Some(self.server_request(asked, Some((answer, body)), moment))
            }
            Side::Server => {
                let Some(call) = self.client.take(id) else { return self.after_cancel(id?, answer, moment, body) };
                Some(self.call(call, Some((answer, body)), moment, &ending(false)))
            }
        }
    }

    fn notification(&mut self, message: &Message, moment: Moment, body: Option<Body>) -> Vec<Event> {
        let cancels = message.method.as_deref() == Some("notifications/cancelled");
        let id = message.params.request_id.as_ref().filter(|_| cancels);
        let cancelled = id.and_then(|id| self.client.take(Some(id))).map(|call| self.cancel(call, moment));
        let accepted = Ending { end: End::Complete, ..ending(false) };
        let notification = Pending { message: message.clone(), since: moment, body, progress: 0 };
        cancelled.into_iter().chain([self.call(notification, None, moment, &accepted)]).collect()
    }

    fn cancel(&mut self, call: Pending, moment: Moment) -> Event {
        let event = self.call(call.clone(), None, moment, &ending(true));
        if self.cancelled.len() >= PENDING {
            self.cancelled.pop_front();
        }
        self.cancelled.push_back((event.id, call));
        event
    }

    /// Cancelling takes no answer back: one that comes after it is an entry of its own.
    fn after_cancel(&mut self, id: &Id, answer: &Message, moment: Moment, body: Option<Body>) -> Option<Event> {
        let at = self.cancelled.iter().position(|(_, call)| call.message.id.as_ref() == Some(id))?;
        let (cancelled, call) = self.cancelled.remove(at)?;
        let event = self.call(call, Some((answer, body)), moment, &ending(false));
        Some(Event { parent: Some(cancelled), ..event }.fact("after_cancel", true))
    }

    fn progress(&mut self, message: &Message) {
        let token = message
            .params
            .progress_token
            .as_ref()
            .filter(|_| message.method.as_deref() == Some("notifications/progress"));
        let mut pending = self.client.pending.iter_mut();
        if let Some(call) = pending.find(|call| token.is_some() && call.message.params.progress_token.as_ref() == token)
        {
            call.progress += 1;
        }
    }

    /// The event about a client's message.
    fn call(
        &mut self,
        call: Pending,
        answer: Option<(&Message, Option<Body>)>,
        until: Moment,
        ending: &Ending,
    ) -> Event {
        let (answer, response) = answer.unzip();
        let message = &call.message;
        if message.method.as_deref() == Some("initialize") {
            self.scene.introduce(&message.params.client);
            self.protocol = answer.and_then(|answer| answer.result.as_ref()?.protocol_version.clone());
        }
        let mut scene = self.scene.clone();
        scene.introduce(&message.params.client);
        scene.trace_id = message.params.traceparent.as_deref().and_then(trace_id).map(str::to_owned);
        let mut event = of_message(&scene, call.since.at, message, answer, ending);
        event.duration_us = Some(micros(call.since, until));
        event.payload = payload(call.body, response.flatten());
        let revision = message.params.protocol_version.clone().filter(|_| self.protocol.is_none());
        if let Some(revision) = self.protocol.clone().or(revision) {
            event = event.fact("protocol_version", revision);
        }
        if call.progress > 0 {
            event = event.fact("progress", call.progress);
        }
        event
    }

    /// The event about a server's request.
    fn server_request(&mut self, asked: Pending, answer: Option<(&Message, Option<Body>)>, until: Moment) -> Event {
        let (answer, response) = answer.unzip();
        let ending = ending(false);
        let detail = ending.detail(Shape::Request, answer);
        let mut event = self.scene.event(asked.since.at, Kind::ServerRequest, detail);
        event.method = asked.message.method.clone();
        event.target = target(&asked.message);
        event.request_id = asked.message.id.as_ref().map(Id::text);
        event.duration_us = Some(micros(asked.since, until));
        event.failure = failure(detail, None, answer.and_then(|answer| answer.error).flatten(), None);
        event.payload = payload(asked.body, response.flatten());
        event
    }

    /// A line that is no message. It passes; that it came is told now and then.
    fn no_json(&mut self, side: Side, moment: Moment) -> Option<Event> {
        self.not_json += 1;
        let from = if side == Side::Client { "client" } else { "server" };
        let event = self.scene.event(moment.at, Kind::Http, Detail::Unknown).fact("not_json", true).fact("from", from);
        (self.not_json % TOLD == 1).then(|| Event { failure: failure(Detail::Unknown, None, None, None), ..event })
    }

    fn lines(&mut self, side: Side) -> &mut Lines {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Lines {
    fn new() -> Self {
        Self { reader: Reader::new(Format::Lines, Keep::default()), torn: false, pending: VecDeque::new() }
    }

    fn read(&mut self, mut piece: &[u8], torn: bool) -> Vec<Parts> {
        if torn {
            self.torn = true;
            drop(self.reader.rest());
        }
        if self.torn {
            let Some(end) = piece.iter().position(|byte| *byte == b'\n') else { return Vec::new() };
            piece = &piece[end + 1..];
            self.torn = false;
        }
        let mut lines = Vec::new();
        self.reader.push(piece, &mut |line| lines.push(line));
        lines
    }

    /// Ids that cannot be read are taken for the same.
    fn take(&mut self, id: Option<&Id>) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.message.id.as_ref() == id)?;
        self.pending.remove(at)
    }
}

/// How a message on a pipe ends that gets no answer: with the pipe.
fn ending(cancelled: bool) -> Ending {
    Ending {
        failed: None,
        status: None,
        headless: false,
        end: End::Broken,
        cancelled,
        closing_cancels: false,
        readable: true,
        empty: false,
    }
}

fn micros(from: Moment, until: Moment) -> u64 {
    until.instant.saturating_duration_since(from.instant).as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(lines: &[(Side, &str)]) -> Vec<String> {
        let mut pipe = Pipe::new("s".into(), Caller::default());
        let now = Moment { at: Timestamp::from_micros(0), instant: Instant::now() };
        let mut events = Vec::new();
        for (side, line) in lines {
            events.extend(pipe.read(*side, format!("{line}\n").as_bytes(), now, Keep::default(), false));
        }
        events.extend(pipe.close(now));
        let line = |event: &Event| {
            let target = event.target.as_ref().map_or("-", |target| target.name());
            format!("{} {} {target} {}", event.kind, event.method.as_deref().unwrap_or("-"), event.detail)
        };
        assert!(events.iter().all(|event| event.payload.is_none() && event.status_code.is_none()));
        events.iter().map(line).collect()
    }

    #[test]
    fn a_session_becomes_its_entries() {
        use Side::{Client, Server};
        let events = play(&[
            (Client, r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"c","version":"1"}}}"#),
            (Server, r#"{"result":{"protocolVersion":"2025-11-25"},"id":0}"#),
            (Client, r#"{"method":"notifications/initialized"}"#),
            (Server, r#"{"method":"roots/list","id":0}"#),
            (Client, r#"{"id":1,"method":"tools/call","params":{"name":"a"}}"#),
            (Client, r#"{"id":1,"method":"tools/call","params":{"name":"b"}}"#),
            (Server, "Listening…"),
            (Client, r#"{"id":0,"result":{"roots":[]}}"#),
            (Server, r#"{"id":1,"result":{}}"#),
            (Server, r#"{"id":1,"result":{"isError":true}}"#),
            (Client, r#"{"id":2,"method":"tools/call","params":{"name":"slow"}}"#),
            (Client, r#"{"method":"notifications/cancelled","params":{"requestId":2}}"#),
            (Server, r#"{"id":2,"result":{}}"#),
            (Client, r#"{"id":3,"method":"ping"}"#),
            (Client, r#"{"id":{},"method":"tools/call","params":{"name":"odd"}}"#),
            (Server, r#"{"id":{},"error":{"code":1}}"#),
        ]);
        assert_eq!(
            events,
            [
                "request initialize - ok",
                "notification notifications/initialized - accepted",
                "http - - unknown",
                "server-request roots/list - ok",
                "request tools/call a ok",
                "request tools/call b tool-error",
                "request tools/call slow cancelled",
                "notification notifications/cancelled 2 accepted",
                "request tools/call slow ok",
                "request tools/call odd rpc-error",
                "request ping - incomplete",
            ]
        );
    }

    #[test]
    fn a_last_line_needs_no_end() {
        let mut pipe = Pipe::new("s".into(), Caller::default());
        let now = Moment { at: Timestamp::from_micros(0), instant: Instant::now() };
        assert!(pipe.read(Side::Client, b"{\"id\":1,\"method\":\"ping\"}\n", now, Keep::default(), false).is_empty());
        assert!(pipe.read(Side::Server, b"{\"id\":1,\"result\":{}}", now, Keep::default(), false).is_empty());
        let details: Vec<_> = pipe.close(now).iter().map(|event| event.detail).collect();
        assert_eq!(details, [Detail::Ok]);
    }

    #[test]
    fn a_torn_line_is_no_message() {
        let mut pipe = Pipe::new("s".into(), Caller::default());
        let now = Moment { at: Timestamp::from_micros(0), instant: Instant::now() };
        assert!(pipe.read(Side::Client, br#"{"id":1,"#, now, Keep::default(), false).is_empty());
        let events =
            pipe.read(Side::Client, b"garbage}\n{\"method\":\"notifications/x\"}\n", now, Keep::default(), true);
        assert_eq!(events.len(), 1);
    }
}
