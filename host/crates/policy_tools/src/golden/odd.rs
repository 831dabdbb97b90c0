//! What a caller may send that no rule expects: empty, long, strange and many.

use mcp_audit_log_model::event::{Argument, Caller, Channel, Client, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log_model::value::Value;

use super::{GoldenEvent, NOW, call, ordinary, push};

/// Texts that break rules which slice, split or print.
const TEXTS: [(&str, &str); 8] = [
    ("an empty text", ""),
    ("blanks", "  \t "),
    ("umlauts and emoji", "grüße 🎉 e\u{301}"),
    ("control characters", "a\u{1b}[31mb\r\nc\0d"),
    ("bidirectional marks", "a\u{202e}b\u{2066}c"),
    ("slashes and dots", "../../etc/passwd"),
    ("quotes", "\"'`$(x){{y}}\\"),
    ("a wildcard", "%_\\%"),
];

pub(super) fn add(events: &mut Vec<GoldenEvent>) {
    for (name, text) in TEXTS {
        push(events, format!("a tool that is called by {name}"), call(text));
        let method = ordinary(Channel::Mcp, Kind::Request, text);
        push(events, format!("a method that consists of {name}"), Event { target: None, ..method });
        push(events, format!("all texts are {name}"), everywhere(text));
    }
    long(events);
    many(events);
    broken(events);
    for channel in Channel::ALL {
        push(
            events,
            format!("{channel} and nothing else"),
            Event::new(NOW, *channel, Kind::Request, OutcomeDetail::Unknown),
        );
    }
}

fn everywhere(text: &str) -> Event {
    let owned = || Some(text.to_owned());
    let event = Event::new(NOW, Channel::Admin, Kind::Request, OutcomeDetail::Ok).fact("resource_type", text);
    Event {
        method: owned(),
        target: Some(Target::Other(text.to_owned())),
        server: owned(),
        path: owned(),
        caller: Caller { user: owned(), connection: owned(), instance: owned(), ..Caller::default() },
        client: Client { name: owned(), ..Client::default() },
        arguments: vec![Argument { name: text.to_owned(), json: serde_json::json!(text).to_string() }],
        ..event
    }
}

/// Three of them alone are as long as a caller can make them: what a hundredth of the events costs is not counted.
fn long(events: &mut Vec<GoldenEvent>) {
    for length in [300, 2_000, 20_000] {
        let text = "ä".repeat(length);
        push(events, format!("a tool's name of {length} letters"), call(&text));
        let event = ordinary(Channel::Mcp, Kind::Request, "resources/read");
        let uri = Some(Target::Resource(format!("odoo://{text}/record/1")));
        push(events, format!("an address of {length} letters"), Event { target: uri, ..event });
    }
    push(events, "a long argument", call("write").argument("body", &serde_json::json!("x".repeat(60_000))));
}

fn many(events: &mut Vec<GoldenEvent>) {
    let arguments = (0..200).map(|at| Argument { name: format!("argument-{at}"), json: at.to_string() });
    push(events, "200 arguments", Event { arguments: arguments.collect(), ..call("write") });
    let facts = (0..100).map(|at| (format!("fact-{at}"), Value::Integer(at)));
    push(events, "100 facts", Event { facts: facts.collect(), ..call("write") });
    let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let nested = vec![Argument { name: "model".to_owned(), json: nested }];
    push(events, "an argument of a hundred levels", Event { arguments: nested, ..call("write") });
}

/// What does not come from a parser of ours.
fn broken(events: &mut Vec<GoldenEvent>) {
    for json in ["", "{", "nul", "\"\\ud800\"", "1e999", "[1,"] {
        let arguments = ["model", "id", "new"].map(|name| Argument { name: name.to_owned(), json: json.to_owned() });
        let event = Event { arguments: arguments.into(), channel: Channel::Admin, ..call("write") };
        push(events, format!("arguments that are {json:?}"), event);
    }
    let extreme = Event { status_code: Some(u16::MAX), duration_us: Some(u64::MAX), ..call("search") };
    push(events, "the largest numbers", extreme.fact("input_tokens", i64::MAX).fact("cost_micros", i64::MIN));
    push(events, "no duration and no body", Event { duration_us: None, payload: None, ..call("search") });
}
