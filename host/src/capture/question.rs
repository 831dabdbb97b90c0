//! What a server asks its client, and the answer, which comes in another exchange.

use std::time::Instant;

use super::circumstances::{micros, payload};
use super::digest::{Call, Digest};
use super::exchange::Exchange;
use super::failure::failure;
use super::jsonrpc::{Id, Shape};
use super::sessions::Asked;
use super::target::target;
use crate::event::{Body, Detail, Event, Kind};

impl Exchange {
    /// The client answers something that the server asked in another exchange of the session.
    pub(super) fn client_answer(&self, digest: &Digest, call: &mut Call) -> Event {
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

    pub(super) fn server_request(&self, asked: Asked, detail: Detail, until: Instant, answer: Option<Body>) -> Event {
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
}
