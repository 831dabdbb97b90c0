//! Late answers, in another exchange: a server may end the stream of a call, and the client fetches the rest with a GET
//! that has the id of the last event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use mcp_audit_log_model::event::{Caller, Detail, Event, Kind, new_id};
use mcp_audit_log_model::time::Timestamp;
use uuid::Uuid;

use super::classify::{Ending, EventContext, of_message};
use super::context::{micros, payload};
use super::exchange::Exchange;
use super::parse_state::{Arrived, Call, ParseState};
use super::sessions::lock;
use crate::parse::jsonrpc::{Id, Message};

/// The most calls that may have a late answer; beyond that the oldest is dropped.
const AWAITED: usize = 1_024;
/// The longest arguments that are kept for the entry about the answer, in bytes.
const ARGUMENTS: usize = 8 << 10;

/// A call that may have a late answer.
pub(crate) struct Awaited {
    server: Arc<str>,
    session: Option<u64>,
    caller: Option<Caller>,
    scene: EventContext,
    /// The last event that the client has seen, as a number.
    event: u64,
    message: Message,
    /// Its entry.
    id: Uuid,
    at: Timestamp,
    started: Instant,
    /// Whether its entry is marked as deferred, so that usage counts the call with the answer.
    is_deferred: bool,
}

impl Exchange {
    /// A call ended without an answer, in a stream that the client may resume.
    pub(crate) fn await_answer(&self, parse_state: &ParseState, call: &Call, event: &Event) -> Option<Event> {
        let resumable = matches!(event.detail, Detail::Deferred | Detail::ClientClosed | Detail::Incomplete);
        let last = parse_state.last_event_id().filter(|_| resumable)?;
        let mut message = call.message.clone();
        let arguments: usize = message.params.arguments.iter().map(|argument| argument.json.len()).sum();
        if arguments > ARGUMENTS {
            message.params.arguments.clear();
        }
        let awaited = Awaited {
            server: Arc::clone(&self.head.server),
            session: self.session_key(),
            caller: self.caller.get().cloned(),
            scene: self.scene(),
            event: self.sessions.hash(last),
            message,
            id: event.id,
            at: self.head.at,
            started: self.head.started,
            is_deferred: event.detail == Detail::Deferred,
        };
        let mut all = lock(&self.sessions.awaited);
        all.push_back(awaited);
        let given_up = if all.len() > AWAITED { all.pop_front() } else { None };
        drop(all);
        given_up.and_then(|given_up| Self::never_answered(&given_up))
    }

    /// The answers to earlier calls that arrived in a resumed stream so far.
    pub(crate) fn late_answers(&self, parse_state: &mut ParseState) -> Vec<Event> {
        let Some(last) = self.head.last_event_id().filter(|_| self.is_standalone_stream()) else { return Vec::new() };
        let last = self.sessions.hash(last);
        let answers = std::mem::take(&mut parse_state.answers);
        let find = |answer: &Arrived| self.awaited(answer.message.id.as_ref()?, Some(last));
        answers
            .into_iter()
            .filter_map(|answer| find(&answer).map(|awaited| self.late_answer(parse_state, &awaited, &answer)))
            .collect()
    }

    /// A resumed stream ends before all of its calls have an answer: they can be resumed again from there.
    pub(crate) fn go_on_waiting(&self, parse_state: &ParseState) {
        let (Some(from), Some(to)) = (self.head.last_event_id(), parse_state.last_event_id()) else { return };
        let (from, to) = (self.sessions.hash(from), self.sessions.hash(to));
        let mut all = lock(&self.sessions.awaited);
        let on = all.iter_mut().filter(|awaited| awaited.event == from && self.is_of(awaited));
        on.for_each(|awaited| awaited.event = to);
    }

    /// Takes the call that waits for the answer with this id. Clients reuse ids: the call whose stream was resumed
    /// takes precedence, then the oldest call of the session.
    fn awaited(&self, id: &Id, last: Option<u64>) -> Option<Awaited> {
        let mut all = lock(&self.sessions.awaited);
        let fits = |awaited: &Awaited| awaited.message.id.as_ref() == Some(id) && self.is_of(awaited);
        let resumed = all.iter().position(|awaited| Some(awaited.event) == last && fits(awaited));
        let at = resumed.or_else(|| all.iter().position(|awaited| awaited.session.is_some() && fits(awaited)))?;
        all.remove(at)
    }

    fn is_of(&self, awaited: &Awaited) -> bool {
        awaited.server == self.head.server
            && awaited.session == self.session_key()
            && awaited.caller.as_ref() == self.caller.get()
    }

    fn late_answer(&self, parse_state: &ParseState, awaited: &Awaited, answer: &Arrived) -> Event {
        let message = &awaited.message;
        let mut scene = self.scene();
        scene.introduce(&message.params.client);
        let ending = self.ending(parse_state);
        let mut event = of_message(&scene, awaited.at, message, Some(&answer.message), &ending);
        event.payload = payload(None, answer.body.clone());
        event.duration_us = Some(micros(awaited.started, answer.at));
        self.facts(parse_state, &mut event, Some(message), Some(answer));
        self.links(&mut event, message, Some(answer));
        self.learn(message, Some(answer));
        Self::of_awaited(event, awaited)
    }

    /// Usage counts the call once: with this entry if the call's entry is deferred, otherwise with the call's entry.
    fn of_awaited(mut event: Event, awaited: &Awaited) -> Event {
        (event.id, event.parent) = (new_id(awaited.at), Some(awaited.id));
        if !awaited.is_deferred {
            event.kind = Kind::LateAnswer;
        }
        event
    }

    /// The client cancels a call whose answer has not come yet.
    pub(crate) fn take_back_awaited(&self, id: &Id) -> Option<Event> {
        let awaited = self.awaited(id, None).filter(|awaited| awaited.is_deferred)?;
        let until = self.head.started;
        Some(Self::without_late_answer(&awaited, true, until))
    }

    /// The session has ended, so no late answers can come.
    pub(crate) fn awaited_in_vain(&self) -> Vec<Event> {
        let mut all = lock(&self.sessions.awaited);
        let (over, on): (VecDeque<_>, VecDeque<_>) =
            all.drain(..).partition(|awaited| awaited.session.is_some() && self.is_of(awaited));
        *all = on;
        drop(all);
        over.iter().filter_map(Self::never_answered).collect()
    }

    fn never_answered(awaited: &Awaited) -> Option<Event> {
        awaited.is_deferred.then(|| Self::without_late_answer(awaited, false, Instant::now()))
    }

    fn without_late_answer(awaited: &Awaited, cancelled: bool, until: Instant) -> Event {
        let (ending, scene) = (Ending::unanswered(cancelled), EventContext { status: None, ..awaited.scene.clone() });
        let mut event = of_message(&scene, awaited.at, &awaited.message, None, &ending);
        event.duration_us = Some(micros(awaited.started, until));
        Self::of_awaited(event, awaited)
    }

    fn session_key(&self) -> Option<u64> {
        let session = self.head.session.as_ref().or_else(|| self.response.get()?.session.as_ref());
        self.sessions.key(&self.head.server, session)
    }
}
