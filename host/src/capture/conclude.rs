//! From an exchange that was read to its events.

use std::time::Instant;

use axum::http::Method;
use uuid::Uuid;

use super::classify::{Ending, Scene, of_message};
use super::digest::{Arrived, Call, Calls, Digest};
use super::exchange::{End, Exchange};
use super::failure::failure;
use super::head::{ResponseHead, trace_id};
use super::jsonrpc::{Id, Message, Shape};
use super::sessions::Asked;
use super::target::{from_header, target};
use crate::event::{Body, Channel, Client, Detail, Event, Kind, Payload, new_id};
use crate::value::Value;

impl Exchange {
    /// Reads what waits, in the middle of a long exchange.
    pub(super) fn read_on(&self) -> Vec<Event> {
        self.digest().absorb(self);
        Vec::new()
    }

    /// The event about a stream that has just begun.
    pub(super) fn opened(&self) -> Vec<Event> {
        let mut event = self.stream_event(Detail::Ok).fact("phase", "opened");
        if self.head.resumed {
            event = event.fact("resumed", true);
        }
        event.duration_us = Some(self.micros(Instant::now()));
        vec![event]
    }

    /// All events of an exchange that is over, but for those made already.
    pub(super) fn conclude(&self) -> Vec<Event> {
        let mut digest = self.digest();
        digest.finish(self);
        let calls = digest.calls.take().unwrap_or_default();
        let mut events = match calls.list.is_empty() {
            true => self.without_message(&mut digest),
            false => self.messages(&mut digest, calls),
        };
        if self.is_standalone_stream() {
            events.insert(0, self.closed(&mut digest));
        }
        events
    }

    /// The client says that it no longer wants the answer to `id`; returns the event if this exchange is about it.
    fn cancel(&self, id: &Id, at: Instant) -> Option<Event> {
        let mut digest = self.digest();
        digest.absorb(self);
        digest.read_whole_calls(self);
        if digest.answers.iter().any(|answer| answer.message.id.as_ref() == Some(id)) {
            return None;
        }
        let ending = Ending { cancelled: true, ..self.ending(&digest) };
        let mut calls = digest.calls.take()?;
        let event = calls.list.iter_mut().find(|call| !call.reported && call.message.id.as_ref() == Some(id)).map(|call| {
            call.reported = true;
            self.call(&mut digest, call, None, &ending, at)
        });
        digest.calls = Some(calls);
        event
    }

    fn messages(&self, digest: &mut Digest, mut calls: Calls) -> Vec<Event> {
        let requests = calls.list.iter().filter(|call| call.message.is(Shape::Request)).count();
        let mut events = Vec::new();
        for call in calls.list.iter_mut().filter(|call| !call.reported) {
            call.reported = true;
            if call.message.is(Shape::Response) {
                events.push(self.client_answer(digest, call));
                continue;
            }
            let answer = digest.take_answer(&call.message, requests == 1);
            events.extend(self.cancelled_by(digest, &call.message));
            let ending = self.ending(digest);
            let at = answer.as_ref().map_or(self.ended_at(digest), |answer| answer.at);
            let mut event = self.call(digest, call, answer.as_ref(), &ending, at);
            if calls.batch {
                event = event.fact("batch", true);
            }
            events.push(event);
        }
        if calls.left_out > 0 {
            let left_out = self.scene().event(self.head.at, Kind::Http, Detail::Unknown);
            let left_out = Event { method: Some(self.head.http_method.to_string()), ..left_out };
            events.push(left_out.fact("batch_left_out", integer(calls.left_out as u64)));
        }
        // Kept, so that a notification that comes late finds that everything is reported.
        digest.calls = Some(calls);
        events
    }

    /// The event about one message of the client.
    fn call(&self, digest: &mut Digest, call: &mut Call, answer: Option<&Arrived>, ending: &Ending, at: Instant) -> Event {
        let message = &call.message;
        let mut scene = self.scene();
        scene.introduce(&message.params.client);
        if scene.trace_id.is_none() {
            scene.trace_id = message.params.traceparent.as_deref().and_then(trace_id).map(str::to_owned);
        }
        let mut event = of_message(&scene, self.head.at, message, answer.map(|answer| &answer.message), ending);
        event.id = call.event;
        event.duration_us = Some(self.micros(at));
        event.payload = payload(call.body.take(), answer.and_then(|answer| answer.body.clone()));
        if message.method.as_deref() == Some("subscriptions/listen") {
            self.is_over(&mut event);
        }
        self.facts(digest, &mut event, Some(message), answer);
        self.links(&mut event, message, answer);
        self.learn(message, answer);
        event
    }

    /// A subscription ends when one side closes it: that is no failure.
    fn is_over(&self, event: &mut Event) {
        if self.is_stream() && matches!(event.detail, Detail::Cancelled | Detail::ClientClosed | Detail::Incomplete) {
            (event.detail, event.failure) = (Detail::Ok, None);
        }
    }

    /// Calls of this session that a notification cancels. One that was refused cancels nothing.
    fn cancelled_by(&self, digest: &Digest, message: &Message) -> Option<Event> {
        let cancels = message.method.as_deref() == Some("notifications/cancelled") && message.is(Shape::Notification);
        let id = message.params.request_id.as_ref().filter(|_| cancels && self.status().is_some_and(|status| status < 300))?;
        let at = self.ended_at(digest);
        self.sessions.others(self).iter().find_map(|other| other.cancel(id, at))
    }

    /// The client answers something that the server asked in another exchange of the session.
    fn client_answer(&self, digest: &Digest, call: &mut Call) -> Event {
        self.sessions.others(self).iter().for_each(|other| drop(other.read_on()));
        let answer = &call.message;
        let asked = answer.id.as_ref().and_then(|id| self.sessions.answered(self, id));
        let ending = self.ending(digest);
        let detail = ending.detail(Shape::Request, Some(answer));
        let mut event = match asked {
            Some(asked) => self.server_request(asked, detail, self.head.started, call.body.take()),
            None => self.scene().event(self.head.at, Kind::ServerRequest, detail).fact("unmatched", true),
        };
        event.request_id = answer.id.as_ref().map(Id::text);
        event.failure = failure(detail, self.status(), answer.error.flatten(), ending.unreached);
        self.facts(digest, &mut event, None, None);
        event
    }

    fn server_request(&self, asked: Asked, detail: Detail, until: Instant, answer: Option<Body>) -> Event {
        let took = micros(asked.at, until);
        let at = self.head.at.plus(micros(asked.at, self.head.started).try_into().map_or(0, |earlier: i64| -earlier));
        let mut event = self.scene().event(at, Kind::ServerRequest, detail);
        event.method = asked.message.method.clone();
        event.target = target(&asked.message);
        event.request_id = asked.message.id.as_ref().map(Id::text);
        event.duration_us = Some(took);
        event.parent = asked.parent;
        event.payload = payload(asked.body, answer);
        event
    }

    /// The events of an exchange whose request had no message that could be read.
    fn without_message(&self, digest: &mut Digest) -> Vec<Event> {
        if self.head.http_method == Method::DELETE {
            return self.deleted(digest);
        }
        if self.is_standalone_stream() {
            return Vec::new();
        }
        let ending = self.ending(digest);
        let answer = digest.answers.pop();
        let code = answer.as_ref().and_then(|answer| answer.message.error).flatten();
        let named = self.head.mcp_method().filter(|_| self.head.http_method == Method::POST);
        let detail = match &named {
            Some(_) => ending.detail(Shape::Request, answer.as_ref().map(|answer| &answer.message)),
            // What could not be read may have been anything.
            None if !digest.request().1 => ending.detail(Shape::Request, None),
            None => ending.of_http(),
        };
        let kind = if named.is_some() { Kind::Request } else { Kind::Http };
        let mut event = self.scene().event(self.head.at, kind, detail);
        event.target = named.as_deref().and_then(|method| from_header(method, self.head.mcp_name()?));
        event.method = named.or_else(|| Some(self.head.http_method.to_string()));
        event.duration_us = Some(self.micros(self.ended_at(digest)));
        event.failure = failure(detail, ending.status, code, ending.unreached);
        self.facts(digest, &mut event, None, answer.as_ref());
        vec![event]
    }

    fn deleted(&self, digest: &mut Digest) -> Vec<Event> {
        let ending = self.ending(digest);
        let detail = ending.of_http();
        let mut event = self.scene().event(self.head.at, Kind::Session, detail);
        event.method = Some("DELETE".to_owned());
        event.duration_us = Some(self.micros(self.ended_at(digest)));
        event.failure = failure(detail, ending.status, None, ending.unreached);
        self.facts(digest, &mut event, None, None);
        let asked = if detail == Detail::Ok { self.sessions.forget(self) } else { Vec::new() };
        let unanswered = asked.into_iter().map(|asked| {
            let mut event = self.server_request(asked, Detail::Incomplete, self.head.started, None);
            event.failure = failure(Detail::Incomplete, None, None, None);
            event
        });
        unanswered.chain([event]).collect()
    }

    /// The event about the end of a stream. Either side may end it when it likes; only breaking off is a failure.
    fn closed(&self, digest: &mut Digest) -> Event {
        let broken = digest.ended.is_some_and(|(end, _)| end == End::Broken);
        let detail = if broken { Detail::Incomplete } else { Detail::Ok };
        let mut event = self.stream_event(detail).fact("phase", "closed");
        event.id = new_id(self.head.at);
        event.parent = Some(self.stream());
        event.duration_us = Some(self.micros(self.ended_at(digest)));
        event.failure = failure(detail, None, None, None);
        let counts = [("events", digest.seen().map_or(0, |seen| seen.events)), ("answers", digest.tally.answers)];
        for (name, count) in counts.into_iter().chain([("server_requests", digest.tally.server_requests)]) {
            event = event.fact(name, integer(count));
        }
        self.facts(digest, &mut event, None, None);
        event
    }

    fn stream_event(&self, detail: Detail) -> Event {
        let event = self.scene().event(self.head.at, Kind::Stream, detail);
        let method = self.head.mcp_method().unwrap_or_else(|| self.head.http_method.to_string());
        Event { id: self.stream(), method: Some(method), ..event }
    }

    /// What is worth knowing besides.
    fn facts(&self, digest: &Digest, event: &mut Event, call: Option<&Message>, answer: Option<&Arrived>) {
        let (tally, (sent, sent_whole), (received, received_whole)) = (&digest.tally, digest.request(), digest.response());
        let mut fact = |name: &str, value: Value| event.facts.push((name.to_owned(), value));
        fact("http_method", self.head.http_method.as_str().into());
        if let Some(revision) = self.revision(call, answer) {
            fact("protocol_version", revision.into());
        }
        for (name, count) in [("request_bytes", sent), ("response_bytes", received)] {
            fact(name, integer(count));
        }
        for (name, count) in [("notifications", tally.notifications), ("progress", tally.progress)] {
            if count > 0 {
                fact(name, integer(count));
            }
        }
        if let Some((first, last)) = tally.progress_at {
            fact("progress_first_us", integer(self.micros(first)));
            fact("progress_last_us", integer(self.micros(last)));
        }
        let streamed = self.response.get().is_some_and(|head| head.format == super::reader::Format::Events);
        let flags = [
            ("streamed", streamed),
            ("truncated", !sent_whole || !received_whole),
            ("resumed", self.head.resumed),
            ("header_mismatch", call.is_some_and(|call| self.mismatch(call))),
        ];
        flags.into_iter().filter(|(_, set)| *set).for_each(|(name, _)| fact(name, true.into()));
        if let Some(challenge) = self.response.get().and_then(|head| head.challenge.as_ref()?.to_str().ok()) {
            fact("challenge", challenge.into());
        }
        if let Some(name) = answer.and_then(|answer| answer.message.result.as_ref()?.server.name.clone()) {
            fact("server_name", name.into());
        }
    }

    /// Calls that belong together point at each other: a retry at the call that asked for input, a look at a task at the
    /// call that made it.
    fn links(&self, event: &mut Event, call: &Message, answer: Option<&Arrived>) {
        let result = answer.and_then(|answer| answer.message.result.as_ref());
        let mut fact = |name: &str, id: Option<Uuid>| {
            event.facts.extend(id.map(|id| (name.to_owned(), id.to_string().into())));
        };
        fact("retry_of", call.params.request_state.and_then(|state| self.sessions.linked(self, state)));
        fact("task_of", call.params.task_id.as_ref().and_then(|task| self.sessions.linked(self, task)));
        match (event.detail, result.and_then(|result| result.request_state), result.and_then(|result| result.task_id.as_ref())) {
            (Detail::InputRequired, Some(state), _) => self.sessions.link(self, state, event.id),
            (Detail::TaskCreated, _, Some(task)) => {
                self.sessions.link(self, task, event.id);
                event.facts.push(("task".to_owned(), task.clone().into()));
            }
            _ => {}
        }
    }

    /// A session begins with the answer to `initialize`.
    fn learn(&self, call: &Message, answer: Option<&Arrived>) {
        let Some(result) = answer.and_then(|answer| answer.message.result.as_ref()) else { return };
        let session = self.response.get().and_then(|head| head.session.as_ref());
        if let Some(session) = session.filter(|_| call.method.as_deref() == Some("initialize")) {
            let client = call.params.client.clone();
            self.sessions.learn(&self.head.server, session, client, result.protocol_version.clone());
        }
    }

    /// Whether a header contradicts the body, which is authoritative.
    fn mismatch(&self, call: &Message) -> bool {
        let differs = |header: Option<String>, body: Option<&str>| header.is_some() && header.as_deref() != body;
        let params = &call.params;
        let name = params.name.as_deref().or(params.uri.as_deref());
        differs(self.head.mcp_method(), call.method.as_deref()) || (name.is_some() && differs(self.head.mcp_name(), name))
    }

    fn revision(&self, call: Option<&Message>, answer: Option<&Arrived>) -> Option<String> {
        let agreed = answer.and_then(|answer| answer.message.result.as_ref()?.protocol_version.clone());
        let asked = || call.and_then(|call| call.params.protocol_version.clone());
        let known = || self.sessions.known(self).and_then(|(_, revision)| revision);
        agreed.or_else(|| self.head.protocol().map(str::to_owned)).or_else(asked).or_else(known)
    }

    fn ending(&self, digest: &Digest) -> Ending {
        let (received, readable) = digest.response();
        Ending {
            unreached: self.response.get().and_then(|head| head.unreached),
            status: self.status(),
            headless: self.response.get().is_none(),
            end: digest.ended.map_or(End::ClientClosed, |(end, _)| end),
            cancelled: false,
            closing_cancels: self.head.is_stateless() || digest.stateless,
            readable,
            empty: received == 0,
        }
    }

    fn scene(&self) -> Scene {
        let session = self.head.session.as_ref().or_else(|| self.response.get()?.session.as_ref());
        let (client, _) = self.sessions.known(self).unwrap_or_default();
        Scene {
            channel: Channel::Mcp,
            server: self.head.server.to_string(),
            path: Some(self.head.path.clone()),
            status: self.status(),
            caller: self.caller.get().cloned().unwrap_or_default(),
            client: Client {
                name: client.name,
                version: client.version,
                session: session.map(|session| self.sessions.name(session)),
                ip: self.head.peer.map(|peer| peer.ip().to_canonical().to_string()),
                user_agent: self.head.user_agent(),
            },
            trace_id: self.head.traceparent().and_then(trace_id).map(str::to_owned),
        }
    }

    fn status(&self) -> Option<u16> {
        self.response.get().map(|head| head.status)
    }

    /// Whether it is a stream that lives for itself, not the answer to a call.
    pub(super) fn is_stream(&self) -> bool {
        let listening = || self.head.mcp_method().as_deref() == Some("subscriptions/listen");
        self.response.get().is_some_and(ResponseHead::is_stream) && (self.head.http_method == Method::GET || listening())
    }

    /// Whether it is such a stream and nothing else; a subscription is a call besides.
    fn is_standalone_stream(&self) -> bool {
        self.is_stream() && self.head.http_method == Method::GET
    }

    /// The id of the entry about the stream's opening.
    fn stream(&self) -> Uuid {
        *self.stream.get_or_init(|| new_id(self.head.at))
    }

    fn ended_at(&self, digest: &Digest) -> Instant {
        digest.ended.map_or_else(Instant::now, |(_, at)| at)
    }

    fn micros(&self, until: Instant) -> u64 {
        micros(self.head.started, until)
    }
}

fn micros(from: Instant, until: Instant) -> u64 {
    until.saturating_duration_since(from).as_micros().try_into().unwrap_or(u64::MAX)
}

fn integer(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// A payload of the bodies that were kept; none when none was.
pub(super) fn payload(request: Option<Body>, response: Option<Body>) -> Option<Payload> {
    (request.is_some() || response.is_some()).then_some(Payload { request, response })
}
