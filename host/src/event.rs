//! What happened: the raw fact that a capture source hands to the recorder.

use bytes::Bytes;
use uuid::Uuid;

use crate::time::Timestamp;
use crate::value::Value;

/// A closed vocabulary with one text per word, used on the wire, in the database and in filters.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $case:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $case,)+ }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word as it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text),+ }
            }

            /// The word that `text` is, if it is one.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// The door through which an event came in.
    Channel {
        /// MCP over HTTP, through the layer or the proxy.
        Mcp = "mcp",
        /// MCP over standard input and output.
        Stdio = "stdio",
        /// OAuth endpoints beside an MCP endpoint.
        Oauth = "oauth",
        /// The vendor's own API under an MCP token.
        Api = "api",
        /// Administration of the platform.
        Admin = "admin",
        /// The audit log itself.
        System = "system",
    }
}

vocabulary! {
    /// The shape of an event.
    Kind {
        /// A client's request with its answer.
        Request = "request",
        /// A client's notification.
        Notification = "notification",
        /// A server's request (sampling, elicitation, roots, ping) with the client's answer.
        ServerRequest = "server-request",
        /// A stream from the server that was opened or closed.
        Stream = "stream",
        /// A session that was ended by its client.
        Session = "session",
        /// An HTTP exchange that carried no readable message: refused, broken or not MCP.
        Http = "http",
        /// Something the log did or noticed itself.
        System = "system",
    }
}

vocabulary! {
    /// How it went, in three words.
    Outcome {
        /// It was done.
        Success = "success",
        /// It failed, or nobody knows that it succeeded.
        Error = "error",
        /// It was not allowed.
        Denied = "denied",
    }
}

vocabulary! {
    /// How it went, exactly. The first that fits is taken, in this order.
    Detail {
        /// The upstream could not be reached, or broke off before its head.
        TransportError = "transport-error",
        /// 401, 403, or refused by a rule.
        Denied = "denied",
        /// Another status of 400 or above.
        Rejected = "rejected",
        /// A JSON-RPC error.
        RpcError = "rpc-error",
        /// A tool's result with `isError`.
        ToolError = "tool-error",
        /// The result asks the client for more input (2026-07-28).
        InputRequired = "input-required",
        /// The result is a task to be asked for later.
        TaskCreated = "task-created",
        /// The client cancelled it.
        Cancelled = "cancelled",
        /// The client hung up before the answer.
        ClientClosed = "client-closed",
        /// The server's answer ended before it was whole.
        Incomplete = "incomplete",
        /// Taken without an answer (202).
        Accepted = "accepted",
        /// Answered.
        Ok = "ok",
        /// It could not be decided.
        Unknown = "unknown",
    }
}

impl Detail {
    /// The three-word outcome that this folds into. What could not be decided is never a success.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Ok | Self::Accepted | Self::InputRequired | Self::TaskCreated => Outcome::Success,
            Self::Denied => Outcome::Denied,
            _ => Outcome::Error,
        }
    }
}

/// What a method was applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tool's name.
    Tool(String),
    /// A prompt's name.
    Prompt(String),
    /// A resource's URI, without user information, query and fragment: those may carry secrets.
    Resource(String),
    /// Anything else that has a name: a task's id, a logging level.
    Other(String),
}

impl Target {
    /// The name, whatever it names.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Other(name) => name,
        }
    }
}

/// Who did it, as far as the sign-in knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user's name or id on the platform.
    pub user: Option<String>,
    /// The name of the token or connection that was used.
    pub connection: Option<String>,
    /// The agent that acted for the user.
    pub agent: Option<String>,
    /// Which run of the agent it was: all of them share the agent's name, and each has an id of its own.
    pub agent_instance: Option<String>,
    /// The instance or tenant of the platform.
    pub instance: Option<String>,
}

/// With what it was done. Name and version are what the client says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Self-reported name.
    pub name: Option<String>,
    /// Self-reported version.
    pub version: Option<String>,
    /// A short prefix and a keyed hash of the MCP session id, which is a credential and never stored itself.
    pub session: Option<String>,
    /// The network address it came from.
    pub ip: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

/// Why it failed. Never a text from a body: those are payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// OpenTelemetry's `error.type`: `tool_error`, a JSON-RPC code, an HTTP status, a word of ours.
    pub kind: String,
    /// A sentence of ours about it.
    pub message: String,
    /// The JSON-RPC error code.
    pub code: Option<i64>,
}

/// A top-level argument of a request: its name and its value as JSON text. Shown to the policy, never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The argument's name.
    pub name: String,
    /// Its value as JSON text.
    pub json: String,
}

/// One captured body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The bytes, decoded and possibly only a beginning.
    pub bytes: Bytes,
    /// How long the body was in full.
    pub length: u64,
    /// Whether `bytes` is less than the body.
    pub truncated: bool,
}

impl Body {
    /// A body that is kept whole.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { length: bytes.len() as u64, bytes, truncated: false }
    }
}

/// The bodies of an event. Present only when the payload switch was on at capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// What the client sent.
    pub request: Option<Body>,
    /// What came back.
    pub response: Option<Body>,
}

impl Payload {
    /// The bytes it holds.
    pub fn len(&self) -> usize {
        [&self.request, &self.response].into_iter().flatten().map(|body| body.bytes.len()).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// The entry's future id, a UUIDv7. An event that is sent twice is recorded once.
    pub id: Uuid,
    /// When it began.
    pub occurred_at: Timestamp,
    /// The door it came through.
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
    pub detail: Detail,
    /// The HTTP status.
    pub status_code: Option<u16>,
    /// How long it took, in microseconds.
    pub duration_us: Option<u64>,
    /// Who did it.
    pub caller: Caller,
    /// With what.
    pub client: Client,
    /// The JSON-RPC id as text.
    pub request_id: Option<String>,
    /// The W3C trace id.
    pub trace_id: Option<String>,
    /// The event that this one belongs to.
    pub parent: Option<Uuid>,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// Everything else worth knowing, by name.
    pub facts: Vec<(String, Value)>,
    /// The request's arguments, for the policy's eyes.
    pub arguments: Vec<Argument>,
    /// The bodies.
    pub payload: Option<Payload>,
}

impl Event {
    /// An event that began at `occurred_at`, with a fresh id and nothing else known.
    pub fn new(occurred_at: Timestamp, channel: Channel, kind: Kind, detail: Detail) -> Self {
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
