//! Exchanges without a readable message: refused or broken requests, and the end of a session.

use axum::http::Method;
use mcp_audit_log_model::event::{Detail, Event, Failure, Kind};

use super::classify::EventContext;
use super::context::payload;
use super::exchange::Exchange;
use super::facts::from_header;
use super::failure::failure;
use super::parse_state::ParseState;
use crate::parse::jsonrpc::Shape;

impl Exchange {
    /// The events of an exchange whose request had no readable message.
    pub(crate) fn without_message(&self, parse_state: &mut ParseState) -> Vec<Event> {
        if self.head.http_method == Method::DELETE {
            return self.deleted(parse_state);
        }
        if self.is_standalone_stream() {
            return Vec::new();
        }
        let ending = self.ending(parse_state);
        let answer = parse_state.answers.pop();
        let code = answer.as_ref().and_then(|answer| answer.message.error).flatten();
        let sent_something = parse_state.request().0 > 0;
        let named = self.head.mcp_method().filter(|_| self.head.http_method == Method::POST);
        let message = answer.as_ref().map(|answer| &answer.message);
        // The request may have been anything, and may have had an effect: the answer decides the outcome.
        let detail = match named.is_some() && !sent_something || message.is_some() {
            true => ending.detail(Shape::Request, message),
            false => ending.of_http(),
        };
        let kind = if named.is_some() { Kind::Request } else { Kind::Http };
        let scene = EventContext { protocol: self.revision(None, answer.as_ref()), ..self.scene() };
        let mut event = scene.event(self.head.at, kind, detail);
        event.target = named.as_deref().and_then(|method| from_header(method, self.head.mcp_name()?));
        event.method = named.or_else(|| Some(self.head.http_method.to_string()));
        event.duration_us = Some(self.micros(self.ended_at(parse_state)));
        event.failure = failure(detail, ending.status, code, ending.failed).or_else(|| sent_something.then(unreadable));
        event.id = self.call.get();
        self.facts(parse_state, &mut event, None, answer.as_ref());
        if sent_something {
            event = event.fact("unreadable_request", true);
        }
        let answer = answer.and_then(|answer| answer.body).or_else(|| parse_state.raw_response.take());
        event.payload = payload(parse_state.raw_request.take(), answer);
        vec![event]
    }

    pub(crate) fn deleted(&self, parse_state: &mut ParseState) -> Vec<Event> {
        let ending = self.ending(parse_state);
        let detail = ending.of_http();
        let mut event = self.scene().event(self.head.at, Kind::Session, detail);
        event.id = self.call.get();
        event.method = Some("DELETE".to_owned());
        event.duration_us = Some(self.micros(self.ended_at(parse_state)));
        event.failure = failure(detail, ending.status, None, ending.failed);
        self.facts(parse_state, &mut event, None, None);
        let asked = if detail == Detail::Ok { self.sessions.over(self) } else { Vec::new() };
        let in_vain = if detail == Detail::Ok { self.awaited_in_vain() } else { Vec::new() };
        self.unanswered(asked, self.head.started).chain(in_vain).chain([event]).collect()
    }
}

/// The reason for an unknown call, if nothing else failed.
fn unreadable() -> Failure {
    let message = "The request could not be read".to_owned();
    Failure { kind: "unreadable_request".to_owned(), message, code: None }
}
