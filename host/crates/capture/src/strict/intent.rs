//! The entries about the intents of a request.

use std::time::Duration;

use mcp_audit_log_core::recorder::RecordError;
use mcp_audit_log_index::Stored;
use mcp_audit_log_model::event::{Detail, Event, INTENT_CALL, Kind};

use super::refused::Refused;
use crate::mcp::context::integer;
use crate::mcp::exchange::Exchange;
use crate::mcp::facts::{from_header, target};
use crate::mcp::layer::McpTap;
use crate::mcp::parse_state::Call;
use crate::parse::jsonrpc::{Id, Shape};
use crate::tap::transport::Transport;

/// How long a call waits for its intent to be durable. A commit takes milliseconds; a disk that needs longer than this
/// may never finish.
const PATIENCE: Duration = Duration::from_secs(5);

/// The intents of an exchange.
struct Intents {
    events: Vec<Event>,
    /// The ids of its requests.
    ids: Vec<Option<Id>>,
    is_batch: bool,
}

impl McpTap {
    /// Returns when the intent of the request is durable.
    pub(super) async fn record_intent(&self) -> Result<(), Refused> {
        let Self { log, exchange } = self;
        let Intents { events, ids, is_batch } = exchange.intents();
        let outcome = match exchange.has_place() {
            true => {
                let recorded = tokio::time::timeout(PATIENCE, log.record_all(events, 0)).await;
                recorded.unwrap_or(Err(RecordError::Unavailable)).and_then(all_stored)
            }
            // Its intent might fit, and its end would be lost.
            false => Err(RecordError::Full),
        };
        outcome.map_err(|error| {
            exchange.failure.set(Transport::ProxyUnrecorded);
            tracing::error!(%error, server = %exchange.head.server, "a call was not forwarded: it could not be recorded");
            Refused::unrecorded(&error, ids, is_batch)
        })
    }
}

fn all_stored(stored: Vec<Result<Stored, RecordError>>) -> Result<(), RecordError> {
    stored.into_iter().try_for_each(|one| match one? {
        Stored::At(_) | Stored::Duplicate => Ok(()),
        Stored::Conflict => Err(RecordError::Refused("another entry has its id".to_owned())),
    })
}

impl Exchange {
    /// One entry for each message, matching the entries at its end; one for a request without a message.
    fn intents(&self) -> Intents {
        let mut parse_state = self.parse_state();
        parse_state.absorb(self, u64::MAX);
        parse_state.read_whole_calls(self);
        let calls = parse_state.calls.as_ref().filter(|calls| !calls.list.is_empty());
        let Some(calls) = calls else {
            let (length, _) = parse_state.request();
            let event = self.intent_of_head().fact("request_bytes", integer(length));
            return Intents { events: vec![event], ids: Vec::new(), is_batch: false };
        };
        let requests = calls.list.iter().filter(|call| call.message.is(Shape::Request));
        let ids = requests.map(|call| call.message.id.clone()).collect();
        let mut events: Vec<_> = calls.list.iter().map(|call| self.intent_of(call)).collect();
        if let Some(first) = events.first_mut().filter(|_| calls.left_out > 0) {
            first.facts.push(("batch_left_out".to_owned(), integer(calls.left_out as u64)));
        }
        Intents { events, ids, is_batch: calls.batch }
    }

    fn intent_of(&self, call: &Call) -> Event {
        let message = &call.message;
        let mut scene = self.scene();
        scene.introduce(&message.params.client);
        let event = scene.event(self.head.at, Kind::Intent, Detail::Intended);
        Event {
            method: message.method.clone(),
            target: target(message),
            request_id: message.id.as_ref().map(Id::text),
            arguments: message.params.arguments.clone(),
            ..event
        }
        .fact(INTENT_CALL, call.event.to_string())
    }

    /// The intent of a request without a readable body.
    fn intent_of_head(&self) -> Event {
        let method = self.head.mcp_method();
        let event = self.scene().event(self.head.at, Kind::Intent, Detail::Intended);
        Event {
            target: method.as_deref().and_then(|method| from_header(method, self.head.mcp_name()?)),
            method: method.or_else(|| Some(self.head.http_method.to_string())),
            ..event
        }
        .fact(INTENT_CALL, self.call.get().to_string())
    }
}
