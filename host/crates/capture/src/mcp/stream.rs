//! Streams that a server holds open for its own messages: one entry when a stream begins and one when it ends.

use std::time::Instant;

use axum::http::Method;
use mcp_audit_log_model::event::{Detail, Event, Kind, new_id};
use uuid::Uuid;

use super::context::integer;
use super::exchange::Exchange;
use super::failure::failure;
use super::parse_state::ParseState;
use crate::tap::End;
use crate::tap::head::ResponseHead;

impl Exchange {
    /// The event about a stream that has just begun.
    pub(crate) fn opened(&self) -> Vec<Event> {
        let mut event = self.stream_event(Detail::Ok).fact("phase", "opened");
        if self.head.resumed {
            event = event.fact("resumed", true);
        }
        event.duration_us = Some(self.micros(Instant::now()));
        vec![event]
    }

    /// The event about the end of a stream. Either side may end it at any time; only a broken connection is a failure.
    pub(crate) fn closed(&self, parse_state: &mut ParseState) -> Event {
        let broken = parse_state.ended.is_some_and(|(end, _)| end == End::Broken);
        let detail = if broken { Detail::Incomplete } else { Detail::Ok };
        let mut event = self.stream_event(detail).fact("phase", "closed");
        // The end of a standalone stream is the end of its request, which an intent may have announced.
        event.id = if self.is_standalone_stream() { self.call.get() } else { new_id(self.head.at) };
        event.parent = Some(self.stream());
        event.duration_us = Some(self.micros(self.ended_at(parse_state)));
        event.failure = failure(detail, None, None, self.failure.get());
        let counts =
            [("events", parse_state.seen().map_or(0, |seen| seen.events)), ("answers", parse_state.counters.answers)];
        for (name, count) in counts {
            event = event.fact(name, integer(count));
        }
        self.facts(parse_state, &mut event, None, None);
        event
    }

    pub(crate) fn stream_event(&self, detail: Detail) -> Event {
        let event = self.scene().event(self.head.at, Kind::Stream, detail);
        let method = self.head.mcp_method().unwrap_or_else(|| self.head.http_method.to_string());
        Event { id: self.stream(), method: Some(method), ..event }
    }

    /// Whether it is a standalone stream, not the answer to a call.
    pub(crate) fn is_stream(&self) -> bool {
        let listening = || self.head.mcp_method().as_deref() == Some("subscriptions/listen");
        self.response.get().is_some_and(ResponseHead::is_stream)
            && (self.head.http_method == Method::GET || listening())
    }

    /// Whether it is only such a stream; a subscription is also a call.
    pub(crate) fn is_standalone_stream(&self) -> bool {
        self.is_stream() && self.head.http_method == Method::GET
    }

    /// The id of the entry about the stream's opening.
    pub(crate) fn stream(&self) -> Uuid {
        *self.stream.get_or_init(|| new_id(self.head.at))
    }
}
