//! An event made again from its entry, so that a policy can judge it once more.
//!
//! What an entry does not hold is not there: arguments besides model and record, bodies, and values that were masked or
//! cut. So a remade event is judged as the first one was wherever the policy does not need these.

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Argument, Channel, Event, Failure, Kind, Outcome, OutcomeDetail, Payload, Target};
use mcp_audit_log_model::field::{Field, FieldType, SenderRule};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::HOST_FACTS;
use serde_json::Value as Json;

/// The detail with the list of changes.
const CHANGES: &str = "changes";
/// What the recorder puts before a fact of a policy, and before one of a source, whose name is the host's.
const POLICY: &str = "policy.";
const SOURCE: &str = "given.";
/// The host's details that were facts of the event.
const GIVEN: [&str; 3] = ["request_digest", "response_digest", "sent_by"];

/// The event of `entry`, as far as the entry holds it.
pub fn remade_event(entry: &Entry) -> Event {
    let word = |field| entry.text(field).unwrap_or_default();
    let channel = Channel::parse(word(Field::Channel)).unwrap_or(Channel::Admin);
    let kind = Kind::parse(word(Field::Kind)).unwrap_or(Kind::System);
    let detail = OutcomeDetail::parse(word(Field::OutcomeDetail)).unwrap_or_else(|| match entry.outcome() {
        Outcome::Success => OutcomeDetail::Ok,
        Outcome::Denied => OutcomeDetail::Denied,
        Outcome::Error | Outcome::Pending => OutcomeDetail::Incomplete,
    });
    let mut event = Event {
        id: entry.id,
        status_code: entry.status_code,
        duration_us: entry.duration_us,
        parent: entry.parent,
        target: target(entry),
        failure: failure(entry),
        facts: facts(entry, channel),
        arguments: arguments(entry),
        payload: had_payload(entry).then(Payload::default),
        ..blank(entry, channel, kind, detail)
    };
    for field in Field::ALL {
        if let Some(text) = event.text_mut(*field) {
            *text = entry.text(*field).map(str::to_owned);
        }
    }
    event
}

/// Whether a payload was kept of the event, even if it is gone.
pub fn had_payload(entry: &Entry) -> bool {
    entry.has_payload || entry.payload_commitment.is_some()
}

/// An event with nothing else. `Event::new` would make an id, which takes random numbers.
fn blank(entry: &Entry, channel: Channel, kind: Kind, detail: OutcomeDetail) -> Event {
    Event {
        id: entry.id,
        occurred_at: entry.occurred_at,
        channel,
        kind,
        method: None,
        target: None,
        server: None,
        path: None,
        detail,
        status_code: None,
        duration_us: None,
        caller: Default::default(),
        client: Default::default(),
        request_id: None,
        trace_id: None,
        parent: None,
        failure: None,
        facts: Vec::new(),
        arguments: Vec::new(),
        payload: None,
    }
}

fn target(entry: &Entry) -> Option<Target> {
    let fields = [
        (Field::Tool, Target::Tool as fn(String) -> Target),
        (Field::Prompt, Target::Prompt),
        (Field::ResourceUri, Target::Resource),
    ];
    let named = fields.into_iter().find_map(|(field, target)| Some(target(entry.text(field)?.to_owned())));
    // Another target has no field. The policy may have stored it as what the action affected, as it does a server.
    let not_itself = |name: &&str| ![entry.text(Field::Server), entry.text(Field::ClientName)].contains(&Some(*name));
    let affected = || entry.text(Field::ResourceId).or(entry.text(Field::ResourceName).filter(not_itself));
    named.or_else(|| affected().map(|name| Target::Other(name.to_owned())))
}

fn failure(entry: &Entry) -> Option<Failure> {
    let kind = entry.text(Field::ErrorType)?;
    let is_status = |code: &i64| entry.status_code.map(i64::from) == Some(*code);
    let code = kind.parse().ok().filter(|code| !is_status(code));
    Some(Failure { code, ..Failure::new(kind, entry.text(Field::ErrorMessage).unwrap_or_default()) })
}

fn arguments(entry: &Entry) -> Vec<Argument> {
    let of = |field: &Field| {
        let json = Json::from(entry.text(*field)?).to_string();
        Some(Argument { name: field.name().to_owned(), json })
    };
    let fields = Field::ALL.iter().filter(|field| field.sender_rule() == SenderRule::Argument);
    fields.filter_map(of).collect()
}

/// Fields that facts fill, and details. The host's own details were no facts, and the policy's come from it again.
fn facts(entry: &Entry, channel: Channel) -> Vec<(String, Value)> {
    let of_field = |field: &Field| match (field.kind(), entry.value(*field)) {
        (_, Value::Unset) | (FieldType::Id | FieldType::Time, _) => None,
        (_, value) => Some((field.name().to_owned(), value)),
    };
    let fields = Field::ALL.iter().filter(|field| field.sender_rule() == SenderRule::Fact);
    let mut facts: Vec<_> = fields.filter_map(of_field).collect();
    for (name, json) in &entry.details {
        let is_hosts = HOST_FACTS.contains(&name.as_str()) && !GIVEN.contains(&name.as_str());
        if name == CHANGES {
            json.as_array().into_iter().flatten().for_each(|line| change(&mut facts, channel, line));
        } else if !is_hosts && !name.starts_with(POLICY) {
            let name = name.strip_prefix(SOURCE).unwrap_or(name);
            facts.extend(Value::from_json(json).map(|value| (name.to_owned(), value)));
        }
    }
    facts
}

fn change(facts: &mut Vec<(String, Value)>, channel: Channel, line: &Json) {
    let Some(field) = line["field"].as_str() else { return };
    let begins = if channel == Channel::System { "setting" } else { "field" };
    facts.push((begins.to_owned(), field.into()));
    for side in ["old", "new"] {
        facts.push((side.to_owned(), Value::from_json(&line[side]).unwrap_or(Value::Unset)));
    }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_model::time::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn entry(texts: &[(Field, &str)]) -> Entry {
        let mut entry = Entry::new(Uuid::nil(), Timestamp::EPOCH, Timestamp::EPOCH);
        for (field, text) in texts {
            entry.set_text(*field, Some(text));
        }
        entry
    }

    #[test]
    fn a_call_is_made_again_with_its_target_facts_and_arguments() {
        let mut call = entry(&[
            (Field::Channel, "mcp"),
            (Field::Kind, "request"),
            (Field::Method, "tools/call"),
            (Field::Tool, "search"),
            (Field::User, "ada"),
            (Field::OutcomeDetail, "rpc-error"),
            (Field::ErrorType, "-32602"),
            (Field::HttpMethod, "POST"),
            (Field::Model, "res.partner"),
        ]);
        call.request_bytes = Some(7);
        call.details.insert("phase".to_owned(), "opened".into());
        call.details.insert("policy.phase".to_owned(), "closed".into());
        call.details.insert("fault".to_owned(), "trap".into());
        call.details.insert("given.fault".to_owned(), "mine".into());
        let event = remade_event(&call);
        assert_eq!((event.channel, event.kind), (Channel::Mcp, Kind::Request));
        assert_eq!(
            (event.target.as_ref(), event.caller.user.as_deref()),
            (Some(&Target::Tool("search".into())), Some("ada"))
        );
        assert_eq!(event.failure.as_ref().and_then(|failure| failure.code), Some(-32602));
        let fact = |name: &str| -> Vec<Value> {
            let named = event.facts.iter().filter(|(other, _)| other == name);
            named.map(|(_, value)| value.clone()).collect()
        };
        assert_eq!(fact("http_method"), ["POST".into()]);
        assert_eq!(fact("request_bytes"), [Value::Integer(7)]);
        assert_eq!((fact("phase"), fact("fault")), (vec!["opened".into()], vec!["mine".into()]));
        assert_eq!(event.arguments, [Argument { name: "model".into(), json: "\"res.partner\"".into() }]);
        assert!(event.payload.is_none());
    }

    #[test]
    fn changes_become_the_facts_that_they_were_made_of() {
        let mut change = entry(&[(Field::Channel, "system"), (Field::Method, "settings.updated")]);
        change.details.insert("changes".to_owned(), serde_json::json!([{ "field": "days", "old": 90, "new": null }]));
        let facts = remade_event(&change).facts;
        assert_eq!(
            facts,
            [("setting".to_owned(), "days".into()), ("old".to_owned(), 90.into()), ("new".to_owned(), Value::Unset)]
        );
    }
}
