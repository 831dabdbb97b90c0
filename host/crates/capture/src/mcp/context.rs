//! The context that all events of one exchange share: server, caller, connection and times.

use std::time::Instant;

use mcp_audit_log_model::event::{Body, Channel, Client, Payload};
use mcp_audit_log_model::value::Value;

use super::classify::{Ending, EventContext};
use super::exchange::Exchange;
use super::failure::NoAnswer;
use super::parse_state::ParseState;
use crate::parse::reader::Format;
use crate::tap::End;
use crate::tap::head::trace_id;

impl Exchange {
    pub(crate) fn ending(&self, parse_state: &ParseState) -> Ending {
        let (received, _) = parse_state.response();
        Ending {
            failed: self.failure.get(),
            status: self.status(),
            headless: self.response.get().is_none(),
            end: parse_state.ended.map_or(End::ClientClosed, |(end, _)| end),
            one_document: !self.is_made_of_pieces(parse_state),
            cancelled: false,
            resumable: parse_state.last_event_id().is_some() && !self.head.is_stateless() && !parse_state.stateless,
            closing_cancels: self.head.is_stateless() || parse_state.stateless,
            no_answer: self.no_answer(parse_state),
            empty: received == 0,
        }
    }

    /// Whether the answer is a stream of events or lines, each complete in itself.
    fn is_made_of_pieces(&self, parse_state: &ParseState) -> bool {
        let named = self.response.get().is_some_and(|head| matches!(head.format, Format::Events | Format::Lines));
        named || parse_state.seen().is_some()
    }

    /// The reason why there is no answer, if there is none.
    fn no_answer(&self, parse_state: &ParseState) -> NoAnswer {
        let (received, readable) = parse_state.response();
        let streamed = self.response.get().is_some_and(|head| head.format == Format::Events);
        match &parse_state.stray {
            _ if !readable => NoAnswer::Unreadable,
            _ if received == 0 => NoAnswer::Empty,
            _ if parse_state.counters.answers > 0 => NoAnswer::AnotherId,
            _ if streamed => NoAnswer::StreamEnded,
            Some(stray) if !stray.cut => NoAnswer::NotMcp,
            _ => NoAnswer::CutOff,
        }
    }

    pub(crate) fn scene(&self) -> EventContext {
        let session = self.head.session.as_ref().or_else(|| self.response.get()?.session.as_ref());
        let (client, known) = self.sessions.known(self);
        EventContext {
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
            protocol: self.head.protocol().map(str::to_owned).or(known),
        }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.response.get().map(|head| head.status)
    }

    pub(crate) fn ended_at(&self, parse_state: &ParseState) -> Instant {
        parse_state.ended.map_or_else(Instant::now, |(_, at)| at)
    }

    pub(crate) fn micros(&self, until: Instant) -> u64 {
        micros(self.head.started, until)
    }
}

pub(crate) fn micros(from: Instant, until: Instant) -> u64 {
    until.saturating_duration_since(from).as_micros().try_into().unwrap_or(u64::MAX)
}

pub(crate) fn integer(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// A payload of the kept bodies; `None` if no body was kept.
pub(crate) fn payload(request: Option<Body>, response: Option<Body>) -> Option<Payload> {
    (request.is_some() || response.is_some()).then_some(Payload { request, response })
}
