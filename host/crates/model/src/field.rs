//! The fields of an entry: their names, types and how they are stored. One table that filters, storage and API share.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A UUID.
    Id,
    /// A whole number.
    Integer,
    /// A moment.
    Time,
    /// A text.
    Text,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $case:ident = $name:literal, $kind:ident, $repeats:literal;)+) => {
        /// A field of an entry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $($(#[$doc])* $case,)+ }

        impl Field {
            /// Every field, in the order in which entries are written.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The field's name in filters and in JSON; the column's name as well.
            pub fn name(self) -> &'static str {
                match self { $(Self::$case => $name),+ }
            }

            /// Its type.
            pub fn kind(self) -> FieldType {
                match self { $(Self::$case => FieldType::$kind),+ }
            }

            /// Whether its texts repeat so much that the store keeps each of them once, in a dictionary.
            pub fn repeats(self) -> bool {
                match self { $(Self::$case => $repeats),+ }
            }
        }
    };
}

fields! {
    /// Counts the entries of the log from 0 without holes.
    Seq = "seq", Integer, false;
    /// The UUIDv7.
    Id = "id", Id, false;
    /// When it began, as the capture source reports.
    OccurredAt = "occurred_at", Time, false;
    /// When it was recorded, by the host's clock; never less than the entry before.
    RecordedAt = "recorded_at", Time, false;
    /// The door it came through.
    Channel = "channel", Text, true;
    /// Its shape.
    Kind = "kind", Text, true;
    /// `<resource>.<verb>`, given by the policy.
    Action = "action", Text, true;
    /// The method on the wire.
    Method = "method", Text, true;
    /// The tool's name.
    Tool = "tool", Text, true;
    /// The prompt's name.
    Prompt = "prompt", Text, true;
    /// The resource's URI.
    ResourceUri = "resource_uri", Text, true;
    /// The MCP server's name.
    Server = "server", Text, true;
    /// The HTTP method.
    HttpMethod = "http_method", Text, true;
    /// The HTTP path.
    Path = "path", Text, true;
    /// The revision of MCP.
    ProtocolVersion = "protocol_version", Text, true;
    /// success, error, denied or pending.
    Outcome = "outcome", Text, true;
    /// The exact outcome.
    OutcomeDetail = "outcome_detail", Text, true;
    /// The HTTP status.
    StatusCode = "status_code", Integer, false;
    /// How long it took, in microseconds.
    DurationUs = "duration_us", Integer, false;
    /// How long the request's body was, in bytes.
    RequestBytes = "request_bytes", Integer, false;
    /// How long the answer's body was, in bytes.
    ResponseBytes = "response_bytes", Integer, false;
    /// The user.
    User = "user", Text, true;
    /// The token's or connection's name.
    Connection = "connection", Text, true;
    /// The agent.
    Agent = "agent", Text, true;
    /// One run of the agent.
    AgentInstance = "agent_instance", Text, true;
    /// The platform's instance or tenant.
    Instance = "instance", Text, true;
    /// The client's self-reported name.
    ClientName = "client_name", Text, true;
    /// The client's self-reported version.
    ClientVersion = "client_version", Text, true;
    /// Prefix and keyed hash of the MCP session.
    Session = "session", Text, true;
    /// The JSON-RPC id.
    RequestId = "request_id", Text, false;
    /// The network address.
    Ip = "ip", Text, true;
    /// The `User-Agent` header.
    UserAgent = "user_agent", Text, true;
    /// What kind of thing was affected.
    ResourceType = "resource_type", Text, true;
    /// Its id.
    ResourceId = "resource_id", Text, true;
    /// Its name.
    ResourceName = "resource_name", Text, true;
    /// The business model.
    Model = "model", Text, true;
    /// The business record.
    RecordId = "record_id", Text, true;
    /// The provider that runs the language model.
    Provider = "provider", Text, true;
    /// The language model. Not `model`: that is the business model, as everywhere in Odoo, and an entry may have both.
    LlmModel = "llm_model", Text, true;
    /// The name or id of the API key, never the key itself.
    ApiKey = "api_key", Text, true;
    /// How many tokens went into the language model.
    InputTokens = "input_tokens", Integer, false;
    /// How many tokens came out of it.
    OutputTokens = "output_tokens", Integer, false;
    /// What it cost, in millionths of the currency that the platform counts in.
    CostMicros = "cost_micros", Integer, false;
    /// The id of the platform's policy that blocked it. Its name and description of then are details.
    Policy = "policy", Text, true;
    /// OpenTelemetry's `error.type`.
    ErrorType = "error_type", Text, true;
    /// A sentence about the error.
    ErrorMessage = "error_message", Text, true;
    /// The W3C trace id.
    TraceId = "trace_id", Text, false;
    /// The id of the event that caused this one.
    Parent = "parent", Id, false;
    /// How the policy failed on this event, if it did.
    Fault = "fault", Text, true;
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The field that `name` names; `at` is short for `occurred_at`.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "at" {
            return Some(Self::OccurredAt);
        }
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}
