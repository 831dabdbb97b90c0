//! The fields of an entry. This table is the only place where a field is declared: filters, storage, ledger, API,
//! pages, exports and what senders may give follow from it.
//!
//! `docs/design/fields.md` says what a new field needs besides its line here.

use Section::{Affected, Errors, Record, Usage, What, Who};
use SenderRule::{Argument, Fact, Text};
use Unit::{Bytes, Count, Micros};

/// The type of a field's value.
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

/// The unit of an integer field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// No unit: it is a code, or named by the field.
    None,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// The part of an entry's page and of the search form in which a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Section {
    /// What happened.
    What,
    /// The actor, and the program that it used.
    Who,
    /// The object that was affected.
    Affected,
    /// The resources that it used.
    Usage,
    /// How it was recorded.
    Record,
    /// Errors.
    Errors,
}

/// The rule for a sender of events about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SenderRule {
    /// The sender may not set it. The text says why, or what to send instead.
    Refused(&'static str),
    /// A text of the event itself.
    Text,
    /// A text or a count that travels as a fact of the field's name. A fact of this name fills the field: a sender's,
    /// one of capture, or the policy's.
    Fact,
    /// A text that the policy gets as an argument of a request. The policy keeps it if it looks like a name.
    Argument,
    /// A value with its own parser and checks.
    Checked,
}

/// A row of the table.
struct Spec {
    kind: FieldType,
    repeats: bool,
    label: &'static str,
    section: Section,
    longest: usize,
    unit: Unit,
    short: Option<&'static str>,
    has_parameter: bool,
    is_offered: bool,
    sender: SenderRule,
}

/// The longest text of most fields, in characters.
const TEXT: usize = 256;
/// The longest path, URI or sentence, in characters.
const LONG_TEXT: usize = 1_024;

const fn field(kind: FieldType, label: &'static str, section: Section) -> Spec {
    Spec {
        kind,
        repeats: false,
        label,
        section,
        longest: TEXT,
        unit: Unit::None,
        short: None,
        has_parameter: false,
        is_offered: false,
        sender: SenderRule::Checked,
    }
}

/// A text that repeats so much that the store keeps each value once, in a dictionary.
const fn text(label: &'static str, section: Section) -> Spec {
    Spec { repeats: true, ..field(FieldType::Text, label, section) }
}

/// A text that hardly repeats, so the row contains it.
const fn unique_text(label: &'static str, section: Section) -> Spec {
    field(FieldType::Text, label, section)
}

const fn number(label: &'static str, section: Section) -> Spec {
    field(FieldType::Integer, label, section)
}

const fn time(label: &'static str, section: Section) -> Spec {
    field(FieldType::Time, label, section)
}

const fn id(label: &'static str, section: Section) -> Spec {
    field(FieldType::Id, label, section)
}

impl Spec {
    /// A path, a URI or a sentence.
    const fn long(self) -> Self {
        Self { longest: LONG_TEXT, ..self }
    }

    const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// A short name in the text form of filters.
    const fn short(self, name: &'static str) -> Self {
        Self { short: Some(name), ..self }
    }

    /// The field has a URL parameter of its name, an input in the search form, and a link to the entries with the same
    /// value.
    const fn parameter(self) -> Self {
        Self { has_parameter: true, ..self }
    }

    /// Pages offer the field as a column and for grouping. The address can name the other fields.
    const fn offered(self) -> Self {
        Self { is_offered: true, ..self }
    }

    const fn sent(self, sender: SenderRule) -> Self {
        Self { sender, ..self }
    }

    const fn refused(self, advice: &'static str) -> Self {
        Self { sender: SenderRule::Refused(advice), ..self }
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $case:ident = $number:literal, $name:literal: $spec:expr;)+) => {
        /// A field of an entry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Field { $($(#[$doc])* $case = $number,)+ }

        static SPECS: [Spec; Field::COUNT] = [$($spec),+];

        impl Field {
            /// Every field, in the order of their numbers. Entries are encoded in this order.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The field's name in filters and in JSON; the column's name as well.
            pub fn name(self) -> &'static str {
                match self { $(Self::$case => $name),+ }
            }

            /// The field with exactly this name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$case),)+ _ => None }
            }
        }
    };
}

// The number is that of the item in the ledger's leaf, of the field in the dictionary, and of the column in the index.
// A number is never given again.
fields! {
    /// Counts the entries of the log from 0 without holes.
    Seq = 0, "seq": number("Seq", Record).refused("the log assigns seq; leave it out");
    /// The UUIDv7.
    Id = 1, "id": id("Entry id", Record);
    /// When it began, as the capture source reports.
    OccurredAt = 2, "occurred_at": time("Exact time", Record).offered();
    /// When it was recorded, by the host's clock; never less than the entry before.
    RecordedAt = 3, "recorded_at": time("Recorded", Record)
        .refused("the log sets this from its own clock; send occurred_at");
    /// The channel through which it came in.
    Channel = 4, "channel": text("Channel", Record).parameter().offered();
    /// Its shape.
    Kind = 5, "kind": text("Kind", Record).parameter().offered();
    /// `<resource>.<verb>`, given by the policy.
    Action = 6, "action": text("Action", What).parameter().offered()
        .refused("the policy sets the action; send the method (for the channel admin, the action itself)");
    /// The method on the wire.
    Method = 7, "method": text("Method", What).parameter().offered().sent(Text);
    /// The tool's name.
    Tool = 8, "tool": text("Tool", What).parameter().offered().sent(Text);
    /// The prompt's name.
    Prompt = 9, "prompt": text("Prompt", What).parameter().sent(Text);
    /// The resource's URI.
    ResourceUri = 10, "resource_uri": text("Resource URI", What).long().short("resource").parameter().offered().sent(Text);
    /// The MCP server's name.
    Server = 11, "server": text("Server", What).parameter().offered().sent(Text);
    /// The HTTP method.
    HttpMethod = 12, "http_method": text("HTTP method", What).sent(Fact);
    /// The HTTP path.
    Path = 13, "path": text("Path", What).long().parameter().offered().sent(Text);
    /// The revision of MCP.
    ProtocolVersion = 14, "protocol_version": text("MCP version", What).sent(Fact);
    /// success, error, denied or pending.
    Outcome = 15, "outcome": text("Outcome", What).parameter().offered();
    /// The exact outcome.
    OutcomeDetail = 16, "outcome_detail": text("Exact outcome", What).short("detail").parameter().offered();
    /// The HTTP status.
    StatusCode = 17, "status_code": number("HTTP status", What).short("status").parameter().offered();
    /// The duration, in microseconds.
    DurationUs = 18, "duration_us": number("Duration", What).unit(Micros).offered();
    /// The length of the request's body, in bytes.
    RequestBytes = 19, "request_bytes": number("Request size", What).unit(Bytes).offered().sent(Fact);
    /// The length of the answer's body, in bytes.
    ResponseBytes = 20, "response_bytes": number("Response size", What).unit(Bytes).offered().sent(Fact);
    /// The user.
    User = 21, "user": text("User", Who).parameter().offered().sent(Text);
    /// The token's or connection's name.
    Connection = 22, "connection": text("Connection", Who).parameter().offered().sent(Text);
    /// The agent.
    Agent = 23, "agent": text("Agent", Who).parameter().offered().sent(Text);
    /// One run of the agent.
    AgentInstance = 24, "agent_instance": text("Agent instance", Who).parameter().offered().sent(Text);
    /// The tenant of the platform.
    Instance = 25, "instance": text("Tenant", Who).parameter().sent(Text);
    /// The client's self-reported name.
    ClientName = 26, "client_name": text("Client", Who).short("client").parameter().offered().sent(Text);
    /// The client's self-reported version.
    ClientVersion = 27, "client_version": text("Client version", Who).sent(Text);
    /// Prefix and keyed hash of the MCP session.
    Session = 28, "session": text("Session", Who).parameter().offered().sent(Text);
    /// The JSON-RPC id.
    RequestId = 29, "request_id": unique_text("Request id", Record).parameter().sent(Text);
    /// The network address.
    Ip = 30, "ip": text("IP address", Who).parameter().offered();
    /// The `User-Agent` header.
    UserAgent = 31, "user_agent": text("User agent", Who).sent(Text);
    /// The kind of the affected object.
    ResourceType = 32, "resource_type": text("Resource type", Affected).parameter().offered().sent(Fact);
    /// Its id.
    ResourceId = 33, "resource_id": text("Resource id", Affected).parameter().sent(Fact);
    /// Its name.
    ResourceName = 34, "resource_name": text("Resource name", Affected).parameter().offered().sent(Fact);
    /// The business model.
    Model = 35, "model": text("Business model", Affected).parameter().offered().sent(Argument);
    /// The business record.
    RecordId = 36, "record_id": text("Record", Affected).short("record").parameter().offered().sent(Argument);
    /// The provider that runs the language model.
    Provider = 37, "provider": text("Provider", Usage).parameter().sent(Fact);
    /// The language model. Not `model`: that is the business model, as everywhere in Odoo, and an entry may have both.
    LlmModel = 38, "llm_model": text("Language model", Usage).parameter().offered().sent(Fact);
    /// The name or id of the API key, never the key itself.
    ApiKey = 39, "api_key": text("API key", Usage).parameter().offered().sent(Fact);
    /// The input tokens of the language model.
    InputTokens = 40, "input_tokens": number("Tokens in", Usage).unit(Count).offered().sent(Fact);
    /// The output tokens of the language model.
    OutputTokens = 41, "output_tokens": number("Tokens out", Usage).unit(Count).offered().sent(Fact);
    /// The cost, in millionths of the platform's currency unit.
    CostMicros = 42, "cost_micros": number("Cost (millionths)", Usage).unit(Count).offered().sent(Fact);
    /// The id of the platform's policy that blocked it. Its name and description of then are details.
    Policy = 43, "policy": text("Blocked by policy", What).parameter().sent(Fact);
    /// OpenTelemetry's `error.type`.
    ErrorType = 44, "error_type": text("Error type", Errors).short("error").parameter().offered().sent(Text);
    /// A sentence about the error.
    ErrorMessage = 45, "error_message": text("Error message", Errors).long().offered().sent(Text);
    /// The W3C trace id.
    TraceId = 46, "trace_id": unique_text("Trace id", Record).short("trace").parameter();
    /// The id of the event that caused this one.
    Parent = 47, "parent": id("Parent", Record).parameter();
    /// The kind of failure of the policy on this event.
    Fault = 48, "fault": text("Policy failure", Errors).refused("the log sets this when a policy fails; leave it out");
}

impl Field {
    /// The number of fields.
    pub const COUNT: usize = Self::ALL.len();

    /// The field that `name` names; `at` is short for `occurred_at`.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "at" { Some(Self::OccurredAt) } else { Self::named(name) }
    }

    /// Its type.
    #[inline]
    pub fn kind(self) -> FieldType {
        self.spec().kind
    }

    /// Whether its texts repeat so much that the store keeps each of them once, in a dictionary.
    #[inline]
    pub fn repeats(self) -> bool {
        self.spec().repeats
    }

    /// Its name for people.
    pub fn label(self) -> &'static str {
        self.spec().label
    }

    /// The section in which people find it.
    pub fn section(self) -> Section {
        self.spec().section
    }

    /// The longest text that is stored, in characters.
    pub fn longest(self) -> usize {
        self.spec().longest
    }

    /// The unit of its number.
    pub fn unit(self) -> Unit {
        self.spec().unit
    }

    /// Its short name in the text form of filters.
    pub fn short_name(self) -> Option<&'static str> {
        self.spec().short
    }

    /// Whether searches have a parameter of its name.
    pub fn has_parameter(self) -> bool {
        self.spec().has_parameter
    }

    /// Whether pages offer it as a column, and to group by where that is possible.
    pub fn is_offered(self) -> bool {
        self.spec().is_offered
    }

    /// The rule for a sender of events about this field.
    pub fn sender_rule(self) -> SenderRule {
        self.spec().sender
    }

    #[inline]
    fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }
}

// Rows, dictionary and index are arrays by number.
const _: () = {
    let mut at = 0;
    while at < Field::COUNT {
        assert!(Field::ALL[at] as usize == at, "fields are numbered from 0 without holes");
        at += 1;
    }
};
