//! An event: the raw fact that a capture source hands to the recorder.
//!
//! Capture makes events of traffic. What only the platform itself knows, it records through the constructors here:
//!
//! ```
//! use mcp_audit_log_model::event::{Caller, Event, Resource};
//! use mcp_audit_log_model::time::{Clock, SystemClock};
//!
//! let now = SystemClock.now();
//! let uma = Caller::user("uma").connection("umas-laptop");
//! let call = Event::tool_call(now, "cluster", "troubleshoot").by(uma.clone());
//! let orders = Event::api_call(now, "POST", "/v1/orders", 201).by(uma).under(call.id);
//! let revoked = Event::admin(now, "api_key.revoked", Resource::api_key("key-7").named("CI")).by(Caller::user("ada"));
//! # assert_eq!(orders.parent, Some(call.id));
//! # assert_eq!(revoked.method.as_deref(), Some("api_key.revoked"));
//! ```

mod body;
mod builder;
mod caller;
mod constructors;
mod failure;
mod state;
mod target;
#[cfg(test)]
mod tests;
mod usage;
mod vocabulary;

use uuid::Uuid;

use crate::field::Field;
use crate::time::Timestamp;
use crate::value::Value;

pub use body::{Body, Payload};
pub use caller::Caller;
pub use caller::Client;
pub use constructors::AgentTools;
pub use constructors::OauthStep;
pub use failure::BlockingPolicy;
pub use failure::Failure;
pub use failure::sentence;
pub use target::Argument;
pub use target::Resource;
pub use target::Target;
pub use usage::ModelUsage;
pub use vocabulary::{Channel, Kind, Outcome, OutcomeDetail};

/// The fact of an intent that names the entry about the end of its call.
pub const INTENT_CALL: &str = "call";

/// What happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// The entry's future id, a UUIDv7. An event that is sent twice is recorded once.
    pub id: Uuid,
    /// When it began.
    pub occurred_at: Timestamp,
    /// The channel through which it came in.
    pub channel: Channel,
    /// Its shape.
    pub kind: Kind,
    /// The method on the wire (`tools/call`), or the HTTP method where there is none.
    pub method: Option<String>,
    /// What the method was applied to.
    pub target: Option<Target>,
    /// The name of the MCP server.
    pub server: Option<String>,
    /// The HTTP path, without its query.
    pub path: Option<String>,
    /// How it went.
    pub detail: OutcomeDetail,
    /// The HTTP status.
    pub status_code: Option<u16>,
    /// The duration, in microseconds.
    pub duration_us: Option<u64>,
    /// The caller.
    pub caller: Caller,
    /// With what.
    pub client: Client,
    /// The JSON-RPC id as text.
    pub request_id: Option<String>,
    /// The W3C trace id.
    pub trace_id: Option<String>,
    /// The event that caused this one.
    pub parent: Option<Uuid>,
    /// The failure, if it failed.
    pub failure: Option<Failure>,
    /// Other facts, by name.
    pub facts: Vec<(String, Value)>,
    /// The request's arguments, or the state before and after a change, for the policy's eyes.
    pub arguments: Vec<Argument>,
    /// The bodies.
    pub payload: Option<Payload>,
}

impl Event {
    /// An event that began at `occurred_at`, with a fresh id and nothing else known.
    pub fn new(occurred_at: Timestamp, channel: Channel, kind: Kind, detail: OutcomeDetail) -> Self {
        Self {
            id: new_id(occurred_at),
            occurred_at,
            channel,
            kind,
            method: None,
            target: None,
            server: None,
            path: None,
            detail,
            status_code: None,
            duration_us: None,
            caller: Caller::default(),
            client: Client::default(),
            request_id: None,
            trace_id: None,
            parent: None,
            failure: None,
            facts: Vec::new(),
            arguments: Vec::new(),
            payload: None,
        }
    }

    /// The text of the event that becomes this field of the entry; `None` for a field that comes from elsewhere.
    pub fn text_mut(&mut self, field: Field) -> Option<&mut Option<String>> {
        Some(match field {
            Field::Method => &mut self.method,
            Field::Server => &mut self.server,
            Field::Path => &mut self.path,
            Field::User => &mut self.caller.user,
            Field::Connection => &mut self.caller.connection,
            Field::Agent => &mut self.caller.agent,
            Field::AgentInstance => &mut self.caller.agent_instance,
            Field::Instance => &mut self.caller.instance,
            Field::ClientName => &mut self.client.name,
            Field::ClientVersion => &mut self.client.version,
            Field::Session => &mut self.client.session,
            Field::Ip => &mut self.client.ip,
            Field::UserAgent => &mut self.client.user_agent,
            Field::RequestId => &mut self.request_id,
            Field::TraceId => &mut self.trace_id,
            _ => return None,
        })
    }

    /// Adds a fact.
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.push((name.to_owned(), value.into()));
        self
    }
}

/// A UUIDv7 whose time is `at`.
pub fn new_id(at: Timestamp) -> Uuid {
    let micros = at.as_micros().max(0).unsigned_abs();
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos))
}
