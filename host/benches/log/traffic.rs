//! Realistic MCP traffic of a platform with 2,000 users and 20 servers.

use mcp_audit_log::Event;
use mcp_audit_log::event::{
    Argument, Body, Caller, Channel, Client, Failure, Kind, ModelUsage, OutcomeDetail, Payload, Target,
};
use mcp_audit_log::time::{DAY, Timestamp};

use crate::random::Random;

const SERVERS: u64 = 20;
const TOOLS: u64 = 200;
const USERS: u64 = 2_000;
const CONNECTIONS: u64 = 500;
const RECORDS: u64 = 50_000;
/// The number of open sessions at any time.
const SESSIONS: u64 = 200;
/// Events of a session, on average.
const SESSION: u64 = 50;

const VERBS: [&str; 10] =
    ["search", "read", "create", "update", "delete", "list", "export", "post", "confirm", "summarize"];
const THINGS: [&str; 20] = [
    "partner", "invoice", "order", "product", "ticket", "issue", "page", "file", "message", "event", "project", "task",
    "lead", "payment", "employee", "contract", "shipment", "report", "comment", "branch",
];
const MODELS: [&str; 6] =
    ["res.partner", "account.move", "sale.order", "product.product", "project.task", "helpdesk.ticket"];
const CLIENTS: [(&str, &str, &str); 5] = [
    ("claude-ai", "1.4.2", "Claude-User/1.0"),
    ("cursor-vscode", "2.0.77", "node"),
    ("Visual Studio Code", "1.106.1", "node"),
    ("mcp-inspector", "0.17.2", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
    ("python-sdk", "1.21.0", "python-httpx/0.28.1"),
];

/// A method, and how many of a hundred messages have it.
const METHODS: [(&str, Kind, u64); 9] = [
    ("tools/call", Kind::Request, 78),
    ("resources/read", Kind::Request, 6),
    ("tools/list", Kind::Request, 4),
    ("notifications/progress", Kind::Notification, 3),
    ("prompts/get", Kind::Request, 2),
    ("ping", Kind::Request, 2),
    ("resources/list", Kind::Request, 2),
    ("completion/complete", Kind::Request, 2),
    ("notifications/cancelled", Kind::Notification, 1),
];

/// A failure: the outcome, how many of a thousand events have it, and the error in the entry.
const FAILURES: [(OutcomeDetail, u64, u16, &str, &str); 4] = [
    (OutcomeDetail::ToolError, 15, 200, "tool_error", "the tool reported an error"),
    (OutcomeDetail::RpcError, 8, 200, "-32602", "the server answered with the JSON-RPC error -32602"),
    (OutcomeDetail::Denied, 8, 401, "401", "the request was refused with the status 401"),
    (OutcomeDetail::TransportError, 4, 502, "connection", "the server could not be reached"),
];

/// An endless series of events. The same seed gives the same series.
pub(crate) struct Traffic {
    random: Random,
    sessions: Vec<Session>,
    at: Timestamp,
    /// Microseconds between two events, on average.
    step: u64,
    /// The size of both bodies together; 0 for none.
    payload: usize,
    /// Whether calls of tools use language models.
    models: bool,
}

/// One session of a client with a server.
struct Session {
    name: String,
    caller: Caller,
    client: Client,
    server: u64,
    /// Messages so far; it begins with `initialize`.
    messages: u64,
    length: u64,
}

/// The time of the first event.
pub(crate) fn beginning() -> Timestamp {
    Timestamp::EPOCH.plus(20_400 * DAY)
}

impl Traffic {
    /// Traffic with `entries` events in `days`.
    pub(crate) fn new(entries: u64, days: i64) -> Self {
        let mut random = Random::new(0x6d63_7061);
        let sessions = (0..SESSIONS).map(|_| Session::new(&mut random)).collect();
        let step = (days * DAY).unsigned_abs() / entries.max(1);
        Self { random, sessions, at: beginning(), step, payload: 0, models: false }
    }

    /// The same with bodies.
    pub(crate) fn with_payload(self, bytes: usize) -> Self {
        Self { payload: bytes, ..self }
    }

    /// The same with the use of language models: four providers, twelve models, sixty keys.
    pub(crate) fn with_models(self) -> Self {
        Self { models: true, ..self }
    }

    /// A message of one of the sessions.
    fn message(&mut self, of: usize) -> Event {
        let random = &mut self.random;
        let session = &mut self.sessions[of];
        session.messages += 1;
        let (method, kind) = match session.messages {
            1 => ("initialize", Kind::Request),
            2 => ("notifications/initialized", Kind::Notification),
            _ => method(random),
        };
        let mut event = Event::new(self.at, Channel::Mcp, kind, OutcomeDetail::Ok);
        event.method = Some(method.to_owned());
        event.server = Some(server(session.server));
        event.path = Some(format!("/mcp/{}", server(session.server)));
        event.status_code = Some(200);
        event.duration_us = Some(random.log_normal(40_000.0, 1.3) as u64);
        event.caller = session.caller.clone();
        event.client = Client { session: Some(session.name.clone()), ..session.client.clone() };
        if kind == Kind::Request {
            event.request_id = Some(session.messages.to_string());
        } else {
            (event.detail, event.status_code) = (OutcomeDetail::Accepted, Some(202));
        }
        if random.percent(20) {
            event.trace_id = Some(format!("{:016x}{:016x}", random.next(), random.next()));
        }
        event.target = target(random, session.server, method);
        if method == "tools/call" && random.percent(35) {
            event.arguments = arguments(random);
        }
        event
    }

    /// Adds the facts that capture adds to every exchange, a possible failure, and the bodies.
    fn completed(&mut self, mut event: Event) -> Event {
        let random = &mut self.random;
        let (sent, received) = (random.log_normal(400.0, 0.8) as i64, random.log_normal(1_500.0, 1.2) as i64);
        event = event.fact("http_method", "POST").fact("protocol_version", "2025-11-25");
        event = event.fact("request_bytes", sent).fact("response_bytes", received);
        let mut chance = random.below(1_000);
        for (detail, often, status, kind, message) in FAILURES {
            if chance < often && event.kind == Kind::Request {
                (event.detail, event.status_code) = (detail, Some(status));
                event.failure = Some(Failure { kind: kind.to_owned(), message: message.to_owned(), code: None });
                break;
            }
            chance = chance.saturating_sub(often);
        }
        if self.models && event.method.as_deref() == Some("tools/call") && random.percent(40) {
            let (model, key) = (random.skewed(12), random.skewed(60));
            let usage = ModelUsage::of(format!("provider-{}", model % 4), format!("model-{model:02}"));
            let (input, output) = (random.log_normal(900.0, 1.0) as u64, random.log_normal(250.0, 1.0) as u64);
            event = event.used(
                usage.api_key(format!("key-{key:02}")).tokens(input, output).cost_micros(input * 3 + output * 15),
            );
        }
        if self.payload > 0 {
            event.payload = Some(bodies(random, self.payload));
        }
        event
    }
}

impl Iterator for Traffic {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let pause = self.random.log_normal(self.step as f64 * 0.61, 1.0);
        self.at = self.at.plus(pause as i64);
        let of = self.random.below(SESSIONS) as usize;
        if self.sessions[of].messages >= self.sessions[of].length {
            self.sessions[of] = Session::new(&mut self.random);
        }
        let event = self.message(of);
        Some(self.completed(event))
    }
}

impl Session {
    fn new(random: &mut Random) -> Self {
        let connection = random.skewed(CONNECTIONS);
        // Connections have a handful of users each, and a user comes from one address.
        let user = (connection * 4 + random.below(4)) % USERS;
        let (name, version, user_agent) = CLIENTS[random.skewed(CLIENTS.len() as u64) as usize];
        let ip = format!("10.{}.{}.{}", connection % 8, user / 250, user % 250);
        Self {
            name: format!("{:04x}-{:016x}", random.below(1 << 16), random.next()),
            caller: Caller {
                user: Some(format!("user{user:04}@example.com")),
                connection: Some(format!("connection-{connection:03}")),
                agent: None,
                agent_instance: None,
                instance: Some("main".to_owned()),
            },
            client: Client {
                name: Some(name.to_owned()),
                version: Some(version.to_owned()),
                session: None,
                ip: Some(ip),
                user_agent: Some(user_agent.to_owned()),
            },
            server: random.skewed(SERVERS),
            messages: 0,
            length: 3 + random.below(2 * SESSION - 6),
        }
    }
}

fn method(random: &mut Random) -> (&'static str, Kind) {
    let mut chance = random.below(100);
    for (method, kind, often) in METHODS {
        if chance < often {
            return (method, kind);
        }
        chance -= often;
    }
    ("ping", Kind::Request)
}

fn server(number: u64) -> String {
    format!("server-{number:02}")
}

fn target(random: &mut Random, server: u64, method: &str) -> Option<Target> {
    let of_server = TOOLS / SERVERS;
    let number = server * of_server + random.skewed(of_server);
    let (verb, thing) = (VERBS[(number % 10) as usize], THINGS[(number / 10) as usize]);
    Some(match method {
        "tools/call" => Target::Tool(format!("{verb}_{thing}")),
        "prompts/get" | "completion/complete" => Target::Prompt(format!("explain_{thing}")),
        "resources/read" => Target::Resource(format!("docs://{thing}/{}", random.skewed(2_000))),
        "notifications/progress" | "notifications/cancelled" => Target::Other(random.below(60).to_string()),
        _ => return None,
    })
}

/// Arguments of a call on a business record.
fn arguments(random: &mut Random) -> Vec<Argument> {
    let argument = |name: &str, json: String| Argument { name: name.to_owned(), json };
    let model = MODELS[random.skewed(MODELS.len() as u64) as usize];
    let record = random.skewed(RECORDS);
    let record = if model == "account.move" { format!("\"INV/2026/{record:05}\"") } else { record.to_string() };
    vec![
        argument("model", format!("\"{model}\"")),
        argument("record_id", record),
        argument("fields", r#"["name","state","amount_total"]"#.to_owned()),
    ]
}

fn bodies(random: &mut Random, bytes: usize) -> Payload {
    let text = |random: &mut Random, bytes: usize| -> String {
        let words = (0..).map(|_| THINGS[random.below(THINGS.len() as u64) as usize]);
        let mut text = String::with_capacity(bytes + 16);
        words.take(bytes / 7 + 1).for_each(|word| text.extend([word, " "]));
        text.truncate(bytes);
        text
    };
    let request = text(random, (bytes / 5).saturating_sub(96));
    let response = text(random, (bytes * 4 / 5).saturating_sub(96));
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"x","arguments":{{"text":"{request}"}}}}}}"#
    );
    let response =
        format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"content":[{{"type":"text","text":"{response}"}}]}}}}"#);
    Payload { request: Some(Body::whole(request)), response: Some(Body::whole(response)) }
}
