//! Calls with a recorded intent and no recorded end, because the process ended in between.

use uuid::Uuid;

use super::AuditLog;
use super::open::own_access;
use crate::domain::Domain;
use crate::entry::Entry;
use crate::event::{Caller, Channel, Client, Detail, Event, Failure, INTENT_CALL, Kind, Target};
use crate::field::Field;
use crate::reader::{MAX_LIMIT, ReadError};
use crate::store::{Place, StoreError};

/// Most intents of the last run that are checked, the newest first. A call that is older than so many others and was
/// still open keeps its intent alone.
const CHECKED: usize = 100_000;

/// The most ends that one start records, because they share one transaction: many times the number of calls that a
/// proxy has open.
const MOST: usize = 10_000;

/// OpenTelemetry's `error.type` of such an end.
const PROCESS_ENDED: &str = "proxy_killed";

impl AuditLog {
    /// The ends of the calls that the last run left open, the oldest first. To be recorded together with the first entry
    /// of this start, so that a crash leaves all of them to the next one.
    pub(super) fn unfinished_calls(&self) -> Result<Vec<Event>, StoreError> {
        match self.open_intents() {
            Ok(ends) => Ok(ends),
            Err(ReadError::Store(error)) => Err(error),
            // The log's own access may read, and asks for no figures.
            Err(ReadError::Denied(_) | ReadError::Narrow) => Ok(Vec::new()),
        }
    }

    fn open_intents(&self) -> Result<Vec<Event>, ReadError> {
        let access = own_access();
        let reader = self.reader(&access);
        let started =
            Domain::equals(Field::Channel, Channel::System.as_str()).and(Domain::equals(Field::Method, "log.started"));
        let last_start = reader.page(started, Place::Newest, 1)?.entries.first().map_or(0, |entry| entry.seq);
        let of_kind = Domain::equals(Field::Kind, Kind::Intent.as_str());
        let (mut from, mut checked, mut ends) = (Place::Newest, 0, Vec::new());
        while checked < CHECKED {
            let intents = reader.page(of_kind.clone(), from, MAX_LIMIT)?.entries;
            let Some(oldest) = intents.last().map(|intent| intent.seq) else { break };
            (from, checked) = (Place::Before(oldest), checked + intents.len());
            for intent in intents.iter().take_while(|intent| intent.seq > last_start).filter(|intent| is_ours(intent)) {
                let Some(call) = call_of(intent) else { continue };
                // An id belongs to a tenant, and an entry that was sent is no end of a call that was captured.
                let tenant = intent.text(Field::Instance);
                let tenant =
                    tenant.map_or_else(|| Domain::unset(Field::Instance), |own| Domain::equals(Field::Instance, own));
                let under_id = Domain::equals(Field::Id, call.to_string()).and(tenant);
                if !reader.page(under_id, Place::Oldest, MAX_LIMIT)?.entries.iter().any(is_ours) && ends.len() < MOST {
                    ends.push(end_of(intent, call));
                }
            }
            if oldest < last_start {
                break;
            }
        }
        ends.reverse();
        Ok(ends)
    }
}

/// Whether the log made the entry itself: senders of events can name what they send as they like.
fn is_ours(entry: &Entry) -> bool {
    !entry.details.contains_key("sent_by")
}

/// The id of the entry about the call's end.
fn call_of(intent: &Entry) -> Option<Uuid> {
    Uuid::parse_str(intent.details.get(INTENT_CALL)?.as_str()?).ok()
}

/// The end of the call that `intent` announced, under the id that it named.
fn end_of(intent: &Entry, id: Uuid) -> Event {
    let text = |field| intent.text(field).map(str::to_owned);
    let channel = intent.text(Field::Channel).and_then(Channel::parse).unwrap_or(Channel::Mcp);
    let (method, request_id) = (text(Field::Method), text(Field::RequestId));
    let kind = match (&request_id, &method) {
        (Some(_), _) => Kind::Request,
        (None, Some(method)) if method.starts_with("notifications/") => Kind::Notification,
        _ => Kind::Http,
    };
    let targets = [
        (Field::Tool, Target::Tool as fn(String) -> Target),
        (Field::Prompt, Target::Prompt),
        (Field::ResourceUri, Target::Resource),
    ];
    let message = "The log's process ended before the call did: the server may or may not have executed it";
    Event {
        id,
        method,
        target: targets.into_iter().find_map(|(field, target)| text(field).map(target)),
        server: text(Field::Server),
        path: text(Field::Path),
        caller: Caller {
            user: text(Field::User),
            connection: text(Field::Connection),
            agent: text(Field::Agent),
            agent_instance: text(Field::AgentInstance),
            instance: text(Field::Instance),
        },
        client: Client {
            name: text(Field::ClientName),
            version: text(Field::ClientVersion),
            session: text(Field::Session),
            ip: text(Field::Ip),
            user_agent: text(Field::UserAgent),
        },
        request_id,
        trace_id: text(Field::TraceId),
        parent: Some(intent.id),
        failure: Some(Failure::new(PROCESS_ENDED, message)),
        ..Event::new(intent.occurred_at, channel, kind, Detail::Incomplete)
    }
}
