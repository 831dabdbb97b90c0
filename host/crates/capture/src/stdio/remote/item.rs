//! An event as the item that `POST /api/v1/events` takes. Its entry is the one that the log would make of the event
//! itself: texts are cut here as the log cuts them, because it refuses sent texts that are too long.

use mcp_audit_log_model::event::{Argument, Body, Event, Target};
use mcp_audit_log_model::field::{Field, FieldType, SenderRule};
use mcp_audit_log_model::format::cut;
use mcp_audit_log_model::value::Value;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

/// The longest text of a fact, in characters.
const FACT: usize = 1_024;
/// The longest item that the log takes, in bytes.
const LONGEST: usize = 512 << 10;
/// The longest request or response that the log takes, in bytes.
const BODY: usize = 128 << 10;
/// The most arguments that the log takes.
const ARGUMENTS: usize = 64;

/// An item that waits to be sent.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The item without its last brace.
    json: String,
    /// The payload, which is sent only if the log keeps payloads.
    payload: Option<String>,
    /// How many lost events it reports; 0 for every other item.
    pub(super) reports: u64,
}

impl Item {
    /// The item of an event.
    pub(super) fn new(event: Event) -> Self {
        Self::of(event, 0)
    }

    /// The item of an event that reports the loss of so many others.
    pub(super) fn gap(event: Event, lost: u64) -> Self {
        Self::of(event, lost)
    }

    fn of(mut event: Event, reports: u64) -> Self {
        let payload = event.payload.take().map(|payload| {
            let mut members = Map::new();
            for (name, body) in [("request", payload.request), ("response", payload.response)] {
                body.into_iter().for_each(|body| add_body(&mut members, name, &body));
            }
            Json::from(members).to_string()
        });
        let arguments = arguments(&event.arguments);
        let mut json = Json::from(members(&mut event)).to_string();
        json.pop();
        let whole = json.len() + arguments.as_ref().map_or(0, String::len);
        // So many arguments are left out rather than the event.
        if let Some(arguments) = arguments.filter(|_| whole < LONGEST / 2) {
            json = format!("{json},\"arguments\":{arguments}");
        }
        let payload = payload.filter(|payload| json.len() + payload.len() + 32 < LONGEST);
        Self { json, payload, reports }
    }

    /// Its length in bytes, at most.
    pub(super) fn len(&self) -> usize {
        self.json.len() + self.payload.as_ref().map_or(0, |payload| payload.len() + 12) + 1
    }

    /// Leaves the payload out.
    pub(super) fn drop_payload(&mut self) {
        self.payload = None;
    }

    /// Appends it to a body.
    pub(super) fn write(&self, body: &mut String) {
        body.push_str(&self.json);
        if let Some(payload) = &self.payload {
            body.push_str(",\"payload\":");
            body.push_str(payload);
        }
        body.push('}');
    }
}

/// The members of an item, without arguments and payload.
fn members(event: &mut Event) -> Map<String, Json> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Json| drop(members.insert(name.to_owned(), value));
    put("id", event.id.to_string().into());
    put("occurred_at", event.occurred_at.to_string().into());
    put("channel", event.channel.as_str().into());
    put("kind", event.kind.as_str().into());
    put("outcome_detail", event.detail.as_str().into());
    for field in Field::ALL {
        if let Some(text) = event.text_mut(*field).and_then(|text| text.as_deref()) {
            put(field.name(), cut(text, field.longest()).into());
        }
    }
    if let Some(target) = &event.target {
        let (name, longest) = match target {
            Target::Tool(_) => ("tool", Field::Tool.longest()),
            Target::Prompt(_) => ("prompt", Field::Prompt.longest()),
            Target::Resource(_) => ("resource_uri", Field::ResourceUri.longest()),
            Target::Other(_) => ("target", Field::Tool.longest()),
        };
        put(name, cut(target.name(), longest).into());
    }
    if let Some(failure) = &event.failure {
        put("error_type", cut(&failure.kind, Field::ErrorType.longest()).into());
        put("error_message", cut(&failure.message, Field::ErrorMessage.longest()).into());
        failure.code.into_iter().for_each(|code| put("error_code", code.into()));
    }
    event.status_code.into_iter().for_each(|status| put("status_code", status.into()));
    event.duration_us.into_iter().for_each(|micros| put("duration_us", micros.into()));
    event.parent.into_iter().for_each(|parent| put("parent", parent.to_string().into()));
    let mut facts = Map::new();
    for (name, value) in &event.facts {
        match Field::named(name) {
            Some(field) => put_field(&mut put, field, value),
            None => drop(facts.insert(name.clone(), scalar(value))),
        }
    }
    if !facts.is_empty() {
        put("facts", facts.into());
    }
    members
}

/// A fact that fills a field is sent as the field.
fn put_field(put: &mut impl FnMut(&str, Json), field: Field, value: &Value) {
    let fits = match (field.kind(), value) {
        (FieldType::Integer, Value::Integer(count)) => *count >= 0,
        (FieldType::Text, Value::Text(_)) => true,
        _ => false,
    };
    match value {
        Value::Text(text) if fits && field.sender_rule() == SenderRule::Fact => {
            put(field.name(), cut(text, field.longest()).into());
        }
        _ if fits && field.sender_rule() == SenderRule::Fact => put(field.name(), value.to_json()),
        _ => {}
    }
}

fn scalar(value: &Value) -> Json {
    match value {
        Value::Text(text) => cut(text, FACT).into(),
        other => other.to_json(),
    }
}

/// The arguments as an object, written as they came.
fn arguments(arguments: &[Argument]) -> Option<String> {
    let valid = |argument: &&Argument| serde_json::from_str::<&RawValue>(&argument.json).is_ok();
    let members: Vec<_> = arguments
        .iter()
        .filter(valid)
        .take(ARGUMENTS)
        .map(|argument| format!("{}:{}", Json::from(argument.name.as_str()), argument.json))
        .collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

fn add_body(members: &mut Map<String, Json>, name: &str, body: &Body) {
    let text = String::from_utf8_lossy(&body.bytes);
    let kept = &text[..text.floor_char_boundary(BODY)];
    members.insert(name.to_owned(), kept.into());
    if body.truncated || kept.len() < text.len() {
        members.insert(format!("{name}_length"), json!(body.length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use mcp_audit_log_model::event::{Caller, Channel, Failure, Kind, OutcomeDetail, Payload};
    use mcp_audit_log_model::time::Timestamp;

    fn event() -> Event {
        Event::new(Timestamp::from_seconds(1_800_000_000), Channel::Stdio, Kind::Request, OutcomeDetail::Ok)
    }

    fn read(item: &Item) -> Json {
        let mut text = String::new();
        item.write(&mut text);
        assert!(text.len() <= item.len(), "{} is more than {}", text.len(), item.len());
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn each_value_of_an_event_is_a_member() {
        let argument = |name: &str, json: &str| Argument { name: name.into(), json: json.into() };
        let event = Event {
            method: Some("tools/call".into()),
            target: Some(Target::Tool("x".repeat(300))),
            caller: Caller::user("uma").connection("stdio"),
            failure: Some(Failure { code: Some(-32_602), ..Failure::new("-32602", "Invalid") }),
            arguments: vec![argument("old", "[1, 2.50]"), argument("broken", "{"), argument("b", "null")],
            ..event()
        };
        let event = event.fact("request_bytes", 7).fact("progress", 2).fact("seq", 1).fact("provider", 3);
        let json = read(&Item::new(event));
        assert_eq!(
            (&json["method"], &json["user"], &json["error_code"]),
            (&json!("tools/call"), &json!("uma"), &json!(-32_602))
        );
        assert_eq!((&json["request_bytes"], &json["facts"]), (&json!(7), &json!({ "progress": 2 })));
        assert_eq!(json["arguments"], json!({ "old": [1, 2.5], "b": null }));
        assert_eq!(json["tool"].as_str().map(|tool| tool.chars().count()), Some(256), "as the log cuts it");
        assert!(json.get("payload").is_none() && json.get("seq").is_none() && json.get("provider").is_none());
    }

    #[test]
    fn a_payload_is_sent_with_the_length_of_what_was_cut_and_can_be_left_out() {
        let body = |text: &str, length| Body { bytes: Bytes::from(text.to_owned()), length, truncated: length > 4 };
        let payload = Payload { request: Some(body("{\"a\"", 900)), response: Some(body("\"b\\n", 4)) };
        let mut item = Item::new(Event { payload: Some(payload), ..event() });
        let sent = json!({ "request": "{\"a\"", "request_length": 900, "response": "\"b\\n" });
        assert_eq!(read(&item)["payload"], sent);
        item.drop_payload();
        assert!(read(&item).get("payload").is_none());
    }

    #[test]
    fn no_item_is_longer_than_the_log_takes() {
        let long = Body::whole("\u{1}".repeat(68 << 10));
        let arguments =
            (0..64).map(|number| Argument { name: number.to_string(), json: "9".repeat(8 << 10) }).collect();
        let payload = Payload { request: Some(long.clone()), response: Some(long) };
        let item = Item::new(Event { payload: Some(payload), arguments, ..event() });
        assert!(item.len() <= LONGEST);
        read(&item);
        let binary = Payload { request: Some(Body::whole(vec![0xff; 68 << 10])), response: None };
        let json = read(&Item::new(Event { payload: Some(binary), ..event() }));
        assert!(json["payload"]["request"].as_str().is_some_and(|text| text.len() <= BODY));
        assert_eq!(json["payload"]["request_length"], 68 << 10);
    }
}
