//! Creates the events of an exchange that was read.

use std::time::Instant;

use mcp_audit_log_model::event::{Event, Kind, OutcomeDetail};
use mcp_audit_log_service::ToolListing;

use super::classify::{Ending, of_message};
use super::context::{integer, payload};
use super::exchange::{Exchange, TURN};
use super::failure::NoAnswer;
use super::listing::tool_listing;
use super::parse_state::{Arrived, Call, Calls, ParseState};
use crate::parse::jsonrpc::{Message, Shape};
use crate::tap::head::trace_id;

impl Exchange {
    /// Reads waiting chunks in the middle of a long exchange.
    pub(crate) fn read_on(&self) -> Vec<Event> {
        let mut parse_state = self.parse_state();
        parse_state.absorb(self, TURN);
        self.late_answers(&mut parse_state)
    }

    /// All events of an ended exchange, except those recorded already.
    pub(crate) fn conclude(&self) -> Vec<Event> {
        let mut parse_state = self.parse_state();
        parse_state.finish(self);
        let calls = parse_state.calls.take().unwrap_or_default();
        let late = self.late_answers(&mut parse_state);
        self.go_on_waiting(&parse_state);
        let mut events = match calls.list.is_empty() {
            true => self.without_message(&mut parse_state),
            false => self.messages(&mut parse_state, calls),
        };
        if self.is_standalone_stream() {
            events.insert(0, self.closed(&mut parse_state));
        }
        late.into_iter().chain(events).collect()
    }

    pub(crate) fn messages(&self, parse_state: &mut ParseState, mut calls: Calls) -> Vec<Event> {
        let requests = calls.requests();
        let mut events = Vec::new();
        for call in calls.list.iter_mut().filter(|call| call.reported) {
            events.extend(self.after_cancel(parse_state, call, requests == 1));
        }
        for call in calls.list.iter_mut().filter(|call| !call.reported) {
            call.reported = true;
            if call.message.is(Shape::Response) {
                events.push(self.client_answer(parse_state, call));
                continue;
            }
            let answer = match call.message.is(Shape::Request) {
                true => parse_state.take_answer(&call.message, requests == 1),
                false => parse_state.failed_answer().filter(|_| requests == 0),
            };
            events.extend(self.take_back(&call.message));
            let mut event = self.concluded(parse_state, call, answer.as_ref());
            if calls.batch {
                event = event.fact("batch", true);
            }
            if let Some(answer) = &answer {
                // The server no longer waits for the requests that it sent during the call.
                events.extend(self.unanswered(self.in_vain(event.id), answer.at));
            } else if call.message.is(Shape::Request) {
                events.extend(self.await_answer(parse_state, call, &event));
            }
            events.push(event);
        }
        if calls.left_out > 0 {
            let left_out = self.scene().event(self.head.at, Kind::Http, OutcomeDetail::Unknown);
            let left_out = Event { method: Some(self.head.http_method.to_string()), ..left_out };
            events.push(left_out.fact("batch_left_out", integer(calls.left_out as u64)));
        }
        // Kept, so that a notification that comes late finds that everything is reported.
        parse_state.calls = Some(calls);
        events
    }

    /// The event about a message when its exchange is over.
    fn concluded(&self, parse_state: &mut ParseState, call: &mut Call, answer: Option<&Arrived>) -> Event {
        let taken_back = call.message.is(Shape::Request).then(|| self.taken_back(call, answer)).flatten();
        if let Some(at) = taken_back {
            return self.cancelled_call(parse_state, call, answer, at);
        }
        let mut ending = self.ending(parse_state);
        // It is unknown whether one of the answers belongs to it.
        if call.message.id.is_none() && parse_state.counters.answers > 0 {
            ending.no_answer = NoAnswer::Unreadable;
        }
        let at = answer.map_or(self.ended_at(parse_state), |answer| answer.at);
        self.call(parse_state, call, answer, &ending, at)
    }

    /// The event about one message of the client.
    pub(crate) fn call(
        &self,
        parse_state: &mut ParseState,
        call: &mut Call,
        answer: Option<&Arrived>,
        ending: &Ending,
        at: Instant,
    ) -> Event {
        let message = &call.message;
        let mut scene = self.scene();
        scene.introduce(&message.params.client);
        scene.protocol = self.revision(Some(message), answer);
        if scene.trace_id.is_none() {
            scene.trace_id = message.params.traceparent.as_deref().and_then(trace_id).map(str::to_owned);
        }
        let mut event = of_message(&scene, self.head.at, message, answer.map(|answer| &answer.message), ending);
        event.id = call.event;
        event.duration_us = Some(self.micros(at));
        // Keep the content that came instead of an answer.
        let instead = || parse_state.raw_response.take().filter(|_| message.is(Shape::Request));
        let response = answer.map_or_else(instead, |answer| answer.body.clone());
        event.payload = payload(call.body.take(), response);
        if message.method.as_deref() == Some("subscriptions/listen") {
            self.is_over(&mut event);
        }
        self.facts(parse_state, &mut event, Some(message), answer);
        self.links(&mut event, message, answer);
        self.learn(message, answer);
        let listing = answer.and_then(|answer| tool_listing(&event, message, &answer.message));
        listing.into_iter().for_each(|listing| {
            self.tool_watch.offer(ToolListing { viewer: self.sessions.viewer(self), ..listing });
        });
        event
    }

    /// Either side may close a subscription: that is not a failure.
    pub(crate) fn is_over(&self, event: &mut Event) {
        if self.is_stream()
            && matches!(
                event.detail,
                OutcomeDetail::Cancelled | OutcomeDetail::ClientClosed | OutcomeDetail::Incomplete
            )
        {
            (event.detail, event.failure) = (OutcomeDetail::Ok, None);
        }
    }

    /// Remembers the client's name and version, for exchanges that report nothing. A session begins with the answer to
    /// `initialize`.
    pub(crate) fn learn(&self, call: &Message, answer: Option<&Arrived>) {
        let client = &call.params.client;
        let result = answer.and_then(|answer| answer.message.result.as_ref());
        match call.method.as_deref() {
            Some("initialize") => {
                let Some(result) = result else { return };
                self.sessions.learn(self, client, result.protocol_version.clone(), true);
            }
            _ if client.name.is_some() && self.status().is_some_and(|status| status < 400) => {
                self.sessions.learn(self, client, self.revision(Some(call), answer), false);
            }
            _ => {}
        }
    }
}
