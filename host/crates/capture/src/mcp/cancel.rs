//! Calls that their client cancels. Each is one entry, whatever the server answers and whichever message comes first.
//! It is recorded when the exchange ends, or after a while if the server leaves it open.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use mcp_audit_log_model::event::{Event, Kind, new_id};
use mcp_audit_log_service::AuditLog;
use mcp_audit_log_service::WeakLog;

use super::classify::Ending;
use super::exchange::{Exchange, TURN};
use super::parse_state::{Arrived, Call, ParseState};
use super::sessions::lock;
use crate::parse::jsonrpc::{Id, Message, Shape};

/// The time that a cancelled call may stay open before its entry is recorded.
const WAIT: Duration = Duration::from_secs(2);
/// The most exchanges of a session that are checked for a cancellation.
const OTHERS: usize = 64;

/// Exchanges with cancelled calls that are still open.
pub(crate) struct Cancelled {
    log: WeakLog,
    waiting: Mutex<Vec<(Instant, Weak<Exchange>)>>,
}

impl Cancelled {
    pub(crate) fn new(log: &AuditLog) -> Arc<Self> {
        Arc::new(Self { log: log.downgrade(), waiting: Mutex::default() })
    }

    /// Ensures that the entry is recorded after a while, even if the exchange stays open.
    fn wait(self: &Arc<Self>, exchange: &Arc<Exchange>) {
        let mut waiting = lock(&self.waiting);
        waiting.push((Instant::now() + WAIT, Arc::downgrade(exchange)));
        if waiting.len() == 1 {
            let this = Arc::clone(self);
            // Where there is no thread for it, the entry is made when the exchange ends.
            let _ = std::thread::Builder::new().name("cancelled-calls".into()).spawn(move || this.run());
        }
    }

    /// Until nothing waits any more.
    fn run(&self) {
        loop {
            let due = lock(&self.waiting).first().map(|(due, _)| *due);
            let Some(due) = due else { return };
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut waiting = lock(&self.waiting);
            let due: Vec<_> = waiting.extract_if(.., |(due, _)| *due <= Instant::now()).collect();
            let Some(log) = self.log.upgrade() else { return waiting.clear() };
            let exchanges: Vec<_> = due.iter().map(|(_, exchange)| Weak::clone(exchange)).collect();
            let job = move || exchanges.iter().filter_map(Weak::upgrade).flat_map(|open| open.overdue()).collect();
            if log.record_later(0, job).is_err() {
                // No room at present.
                waiting.extend(due.into_iter().map(|(_, exchange)| (Instant::now() + WAIT, exchange)));
            }
        }
    }
}

impl Exchange {
    /// Applies a cancellation to its call, if the call belongs to this session and is still open. A refused
    /// notification cancels nothing.
    pub(crate) fn take_back(&self, message: &Message) -> Option<Event> {
        let id = cancels(message).filter(|_| self.status().is_some_and(|status| status < 300))?;
        let others = self.sessions.others(self);
        if let Some(open) = others.iter().find(|other| other.is_taken_back(id, self.head.started)) {
            self.sessions.cancelled.wait(open);
            return None;
        }
        self.take_back_awaited(id)
    }

    /// Marks the call `id` as cancelled by its client. Returns whether this exchange has that call without an answer.
    fn is_taken_back(&self, id: &Id, at: Instant) -> bool {
        let mut parse_state = self.parse_state();
        parse_state.absorb(self, TURN);
        parse_state.read_whole_calls(self);
        let answered =
            parse_state.answers.iter().any(|answer| answer.message.id.as_ref() == Some(id) && answer.at < at);
        let open = |call: &&mut Call| {
            call.message.id.as_ref() == Some(id)
                && call.message.is(Shape::Request)
                && !call.reported
                && call.cancelled.is_none()
        };
        let calls = parse_state.calls.as_mut().filter(|_| !answered);
        let call = calls.and_then(|calls| calls.list.iter_mut().find(open));
        call.map(|call| call.cancelled = Some(at)).is_some()
    }

    /// The time when the call was cancelled, if that was before `answer` came. The cancellation may have been read
    /// already, or may be passing in another exchange.
    pub(crate) fn taken_back(&self, call: &Call, answer: Option<&Arrived>) -> Option<Instant> {
        let passing = || {
            let id = call.message.id.as_ref()?;
            self.sessions.others(self).iter().take(OTHERS).find_map(|other| other.takes_back(id))
        };
        let before = |at: &Instant| answer.is_none_or(|answer| *at <= answer.at || answer.message.is_cancelled());
        call.cancelled.or_else(passing).filter(before)
    }

    /// When this exchange began, if it cancels `id`.
    fn takes_back(&self, id: &Id) -> Option<Instant> {
        if self.status().is_some_and(|status| status >= 300) {
            return None;
        }
        let mut parse_state = self.parse_state();
        parse_state.absorb(self, TURN);
        parse_state.read_whole_calls(self);
        let takes = |call: &Call| cancels(&call.message) == Some(id);
        parse_state.calls.as_ref().filter(|calls| calls.list.iter().any(takes)).map(|_| self.head.started)
    }

    /// The entries of calls that were cancelled a while ago and are still open.
    fn overdue(&self) -> Vec<Event> {
        let mut parse_state = self.parse_state();
        parse_state.absorb(self, TURN);
        let Some(mut calls) = parse_state.calls.take() else { return Vec::new() };
        let only = calls.requests() == 1;
        let mut events = Vec::new();
        for call in calls.list.iter_mut().filter(|call| !call.reported) {
            let Some(at) = call.cancelled else { continue };
            call.reported = true;
            let answer = parse_state.take_answer(&call.message, only);
            events.push(self.cancelled_call(&mut parse_state, call, answer.as_ref(), at));
        }
        parse_state.calls = Some(calls);
        events
    }

    /// The entry about a call that was cancelled.
    pub(crate) fn cancelled_call(
        &self,
        parse_state: &mut ParseState,
        call: &mut Call,
        answer: Option<&Arrived>,
        at: Instant,
    ) -> Event {
        let ending = Ending { cancelled: true, ..self.ending(parse_state) };
        self.call(parse_state, call, answer, &ending, at)
    }

    /// An answer to a call whose entry is recorded as cancelled. An error adds nothing. A success gets a separate
    /// entry; otherwise a caller could hide a call by cancelling it.
    pub(crate) fn after_cancel(&self, parse_state: &mut ParseState, call: &mut Call, only: bool) -> Option<Event> {
        let answer = parse_state.take_answer(&call.message, only)?;
        answer.message.result.as_ref()?;
        let cancelled = std::mem::replace(&mut call.event, new_id(self.head.at));
        let ending = self.ending(parse_state);
        let event = self.call(parse_state, call, Some(&answer), &ending, answer.at);
        Some(Event { kind: Kind::LateAnswer, parent: Some(cancelled), ..event }.fact("after_cancel", true))
    }
}

/// The id that a notification cancels.
fn cancels(message: &Message) -> Option<&Id> {
    let cancels = message.is(Shape::Notification) && message.method.as_deref() == Some("notifications/cancelled");
    message.params.request_id.as_ref().filter(|_| cancels)
}
