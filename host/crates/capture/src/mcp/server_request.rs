//! Requests of a server to its client, and their answers, which come in another exchange.

use std::time::Instant;

use mcp_audit_log_model::event::{Body, Detail, Event, Kind};
use uuid::Uuid;

use super::context::{micros, payload};
use super::exchange::{Exchange, TURN};
use super::facts::target;
use super::failure::failure;
use super::parse_state::{Call, ParseState};
use super::sessions::Asked;
use crate::parse::jsonrpc::{Id, Shape};

impl Exchange {
    /// The client answers a server request of another exchange of the session.
    pub(crate) fn client_answer(&self, parse_state: &ParseState, call: &mut Call) -> Event {
        for other in self.sessions.others(self) {
            other.parse_state().absorb(&other, TURN);
        }
        let answer = &call.message;
        let asked = answer.id.as_ref().and_then(|id| self.sessions.answered(self, id));
        let ending = self.ending(parse_state);
        let detail = ending.detail(Shape::Request, Some(answer));
        let mut event = match asked {
            Some(asked) => self.server_request(asked, detail, self.head.started, call.body.take()),
            None => self.scene().event(self.head.at, Kind::ServerRequest, detail).fact("unmatched", true),
        };
        event.id = call.event;
        event.request_id = answer.id.as_ref().map(Id::text);
        event.facts.extend(answer.digest.clone().map(|digest| ("response_digest".to_owned(), digest.into())));
        event.failure = failure(detail, self.status(), answer.error.flatten(), ending.failed);
        self.facts(parse_state, &mut event, None, None);
        event
    }

    /// The call has ended, and the server no longer waits for its own requests. An answer that is passing in another
    /// exchange still counts: the server may have finished the call before it acknowledged that answer.
    pub(crate) fn in_vain(&self, call: Uuid) -> Vec<Asked> {
        let asked = self.sessions.asked_for(self, call);
        if asked.is_empty() {
            return asked;
        }
        let others = self.sessions.others(self);
        let passing =
            |asked: &Asked| asked.message.id.as_ref().is_some_and(|id| others.iter().any(|other| other.answers(id)));
        let (passing, in_vain): (Vec<_>, Vec<_>) = asked.into_iter().partition(passing);
        passing.into_iter().for_each(|asked| self.sessions.asked(self, asked));
        in_vain
    }

    /// Whether the client answers `id` in this exchange.
    fn answers(&self, id: &Id) -> bool {
        let mut parse_state = self.parse_state();
        parse_state.absorb(self, TURN);
        parse_state.read_whole_calls(self);
        let answers = |call: &Call| call.message.is(Shape::Response) && call.message.id.as_ref() == Some(id);
        parse_state.calls.as_ref().is_some_and(|calls| calls.list.iter().any(answers))
    }

    /// Server requests without an answer.
    pub(crate) fn unanswered(&self, asked: Vec<Asked>, until: Instant) -> impl Iterator<Item = Event> {
        asked.into_iter().map(move |asked| {
            let event = self.server_request(asked, Detail::Incomplete, until, None);
            Event { failure: failure(Detail::Incomplete, None, None, None), ..event }
        })
    }

    pub(crate) fn server_request(&self, asked: Asked, detail: Detail, until: Instant, answer: Option<Body>) -> Event {
        let took = micros(asked.at, until);
        let at = self.head.at.plus(micros(asked.at, self.head.started).try_into().map_or(0, |earlier: i64| -earlier));
        let mut event = self.scene().event(at, Kind::ServerRequest, detail);
        event.method = asked.message.method.clone();
        event.target = target(&asked.message);
        event.request_id = asked.message.id.as_ref().map(Id::text);
        event.duration_us = Some(took);
        event.parent = asked.parent;
        event.facts.extend(asked.message.digest.map(|digest| ("request_digest".to_owned(), digest.into())));
        event.payload = payload(asked.body, answer);
        event
    }
}
