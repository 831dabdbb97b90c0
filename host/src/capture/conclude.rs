//! From an exchange that was read to its events.

use std::time::Instant;

use super::circumstances::{integer, payload};
use super::classify::{Ending, of_message};
use super::digest::{Arrived, Call, Calls, Digest};
use super::exchange::Exchange;
use super::head::trace_id;
use super::jsonrpc::{Id, Message, Shape};
use crate::event::{Detail, Event, Kind, new_id};

impl Exchange {
    /// Reads what waits, in the middle of a long exchange.
    pub(super) fn read_on(&self) -> Vec<Event> {
        self.digest().absorb(self);
        Vec::new()
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
    pub(super) fn cancel(&self, id: &Id, at: Instant) -> Option<Event> {
        let mut digest = self.digest();
        digest.absorb(self);
        digest.read_whole_calls(self);
        if digest.answers.iter().any(|answer| answer.message.id.as_ref() == Some(id)) {
            return None;
        }
        let ending = Ending { cancelled: true, ..self.ending(&digest) };
        let mut calls = digest.calls.take()?;
        let event =
            calls.list.iter_mut().find(|call| !call.reported && call.message.id.as_ref() == Some(id)).map(|call| {
                (call.reported, call.cancelled) = (true, true);
                // Kept for the answer, should one come.
                let body = call.body.clone();
                let event = self.call(&mut digest, call, None, &ending, at);
                call.body = body;
                event
            });
        digest.calls = Some(calls);
        event
    }

    pub(super) fn messages(&self, digest: &mut Digest, mut calls: Calls) -> Vec<Event> {
        let requests = calls.list.iter().filter(|call| call.message.is(Shape::Request)).count();
        let mut events = self.after_cancel(digest, &mut calls, requests == 1);
        for call in calls.list.iter_mut().filter(|call| !call.reported) {
            call.reported = true;
            if call.message.is(Shape::Response) {
                events.push(self.client_answer(digest, call));
                continue;
            }
            let answer = match call.message.is(Shape::Request) {
                true => digest.take_answer(&call.message, requests == 1),
                false => digest.failed_answer().filter(|_| requests == 0),
            };
            events.extend(self.cancelled_by(digest, &call.message));
            let mut ending = self.ending(digest);
            // Whether one of the answers is meant for it cannot be told.
            ending.readable &= call.message.id.is_some() || digest.tally.answers == 0;
            let at = answer.as_ref().map_or(self.ended_at(digest), |answer| answer.at);
            let mut event = self.call(digest, call, answer.as_ref(), &ending, at);
            if calls.batch {
                event = event.fact("batch", true);
            }
            if answer.is_some() {
                // The server no longer waits for what it asked on the way.
                events.extend(self.unanswered(self.in_vain(event.id), at));
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

    /// Cancelling takes no answer back: one that came after it is an entry of its own, or a caller could hide a call that
    /// was done by cancelling it.
    fn after_cancel(&self, digest: &mut Digest, calls: &mut Calls, only: bool) -> Vec<Event> {
        let mut events = Vec::new();
        for call in calls.list.iter_mut().filter(|call| call.cancelled) {
            let Some(answer) = digest.take_answer(&call.message, only) else { continue };
            let cancelled = std::mem::replace(&mut call.event, new_id(self.head.at));
            let ending = self.ending(digest);
            let event = self.call(digest, call, Some(&answer), &ending, answer.at);
            events.extend(self.unanswered(self.in_vain(cancelled), answer.at));
            events.push(Event { parent: Some(cancelled), ..event }.fact("after_cancel", true));
        }
        events
    }

    /// The event about one message of the client.
    pub(super) fn call(
        &self,
        digest: &mut Digest,
        call: &mut Call,
        answer: Option<&Arrived>,
        ending: &Ending,
        at: Instant,
    ) -> Event {
        let message = &call.message;
        let mut scene = self.scene();
        scene.introduce(&message.params.client);
        if scene.trace_id.is_none() {
            scene.trace_id = message.params.traceparent.as_deref().and_then(trace_id).map(str::to_owned);
        }
        let mut event = of_message(&scene, self.head.at, message, answer.map(|answer| &answer.message), ending);
        event.id = call.event;
        event.duration_us = Some(self.micros(at));
        // What came instead of an answer is worth seeing as well.
        let instead = || digest.raw_response.take().filter(|_| message.is(Shape::Request));
        let response = answer.map_or_else(instead, |answer| answer.body.clone());
        event.payload = payload(call.body.take(), response);
        if message.method.as_deref() == Some("subscriptions/listen") {
            self.is_over(&mut event);
        }
        self.facts(digest, &mut event, Some(message), answer);
        self.links(&mut event, message, answer);
        self.learn(message, answer);
        event
    }

    /// A subscription ends when one side closes it: that is no failure.
    pub(super) fn is_over(&self, event: &mut Event) {
        if self.is_stream() && matches!(event.detail, Detail::Cancelled | Detail::ClientClosed | Detail::Incomplete) {
            (event.detail, event.failure) = (Detail::Ok, None);
        }
    }

    /// Calls of this session that a notification cancels. One that was refused cancels nothing.
    pub(super) fn cancelled_by(&self, digest: &Digest, message: &Message) -> Option<Event> {
        let cancels = message.method.as_deref() == Some("notifications/cancelled") && message.is(Shape::Notification);
        let id = message
            .params
            .request_id
            .as_ref()
            .filter(|_| cancels && self.status().is_some_and(|status| status < 300))?;
        let at = self.ended_at(digest);
        self.sessions.others(self).iter().find_map(|other| other.cancel(id, at))
    }

    /// A session begins with the answer to `initialize`.
    pub(super) fn learn(&self, call: &Message, answer: Option<&Arrived>) {
        let Some(result) = answer.and_then(|answer| answer.message.result.as_ref()) else { return };
        let session = self.response.get().and_then(|head| head.session.as_ref());
        if let Some(session) = session.filter(|_| call.method.as_deref() == Some("initialize")) {
            let client = call.params.client.clone();
            self.sessions.learn(&self.head.server, session, client, result.protocol_version.clone());
        }
    }
}
