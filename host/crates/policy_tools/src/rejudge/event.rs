//! The event of an entry in a bundle, and what of it the policy reads that neither entry nor payload holds.

use mcp_audit_log_contract::depends::{Dependencies, EventField};
use mcp_audit_log_ledger::BundlePayload;
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::event::{Argument, Channel, Event, Target};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::mask::MASKED;
use mcp_audit_log_model::value::Value;
use serde_json::Value as Json;

use crate::remade::remade_event;

/// What a call has, which entries do not hold.
pub(super) const ARGUMENTS: &str = "arguments";
/// The most arguments of a request that capture reads, and the longest one in bytes.
const MOST: usize = 64;
const ARGUMENT: usize = 4_096;
/// The fields that a policy reads, which entries hold cut.
const CUT: [Field; 10] = [
    Field::Method,
    Field::Tool,
    Field::Prompt,
    Field::ResourceUri,
    Field::Server,
    Field::Path,
    Field::User,
    Field::Connection,
    Field::Instance,
    Field::ClientName,
];

/// The event, with the arguments of the request where its body is there whole; and whether these are the original ones.
pub(super) fn remade_with(entry: &Entry, payload: Option<&BundlePayload>) -> (Event, bool) {
    let mut event = remade_event(entry);
    let Some(arguments) = payload.and_then(|payload| arguments(&event, payload)) else { return (event, false) };
    event.arguments = arguments;
    let is_masked = event.arguments.iter().any(|argument| argument.json.contains(MASKED));
    (event, !is_masked)
}

/// A body of a payload, if it is not cut.
pub(super) fn whole_body<'a>(payload: &'a BundlePayload, name: &str) -> Option<&'a str> {
    let notes: Details = serde_json::from_str(&payload.notes).ok()?;
    let body = if name == "request" { &payload.request } else { &payload.response };
    let is_whole = notes.get(&format!("{name}_truncated")).is_some_and(|cut| *cut == Json::Bool(false));
    body.as_deref().filter(|_| is_whole)
}

fn arguments(event: &Event, payload: &BundlePayload) -> Option<Vec<Argument>> {
    // A sender passes its arguments apart from the bodies.
    let is_sent = event.facts.iter().any(|(name, _)| name == "sent_by");
    if is_sent || !matches!(event.channel, Channel::Mcp | Channel::Stdio) {
        return None;
    }
    let request: Json = serde_json::from_str(whole_body(payload, "request")?).ok()?;
    let arguments = request.get("params").and_then(|params| params.get("arguments")).and_then(Json::as_object);
    let arguments = arguments.into_iter().flatten().filter(|(name, _)| name.len() <= ARGUMENT);
    let arguments = arguments.map(|(name, json)| Argument { name: name.clone(), json: json.to_string() });
    Some(arguments.filter(|argument| argument.json.len() <= ARGUMENT).take(MOST).collect())
}

/// What the policy reads of such an event, and what the event lacks or may lack. `reads` is `None` where it reads all.
pub(super) fn missing(
    entry: &Entry,
    event: &Event,
    has_arguments: bool,
    reads: Option<&Dependencies>,
) -> Vec<&'static str> {
    let reads_field = |field| reads.is_none_or(|reads| reads.fields.contains(field));
    let reads_arguments =
        reads.is_none_or(|reads| !reads.arguments.is_empty()) || reads_field(EventField::HasArguments);
    let reads_facts = |name: &str| reads.is_none_or(|reads| reads.facts.contains(name));
    let of_calls = matches!(event.channel, Channel::Mcp | Channel::Stdio);
    let may_have_arguments = of_calls || matches!(event.channel, Channel::Api | Channel::Admin);
    let is_cut = |field: &Field| {
        let text = entry.text(*field).filter(|text| text.ends_with('…'));
        text.is_some_and(|text| text.chars().count() >= field.longest())
    };
    let is_masked = |(name, value): &(String, Value)| {
        reads_facts(name) && matches!(value, Value::Text(text) if text.contains(MASKED))
    };
    let is_guessed = !of_calls && matches!(event.target, None | Some(Target::Other(_)));
    let parts = [
        (ARGUMENTS, may_have_arguments && reads_arguments && !has_arguments),
        ("the target", is_guessed && reads_field(EventField::Target)),
        ("texts that were cut", CUT.iter().any(is_cut)),
        ("facts that were masked", event.facts.iter().any(is_masked)),
    ];
    parts.into_iter().filter_map(|(part, is_missing)| is_missing.then_some(part)).collect()
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_contract::depends::DependencyNames;
    use mcp_audit_log_model::time::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn payload(request: &str, is_cut: bool) -> BundlePayload {
        let notes = json!({ "request_truncated": is_cut }).as_object().cloned().expect("an object");
        BundlePayload::new(&[0; 32], Some(request.to_owned()), None, &notes)
    }

    #[test]
    fn arguments_come_from_a_whole_body_and_are_missing_otherwise() {
        let mut entry = Entry::new(Uuid::nil(), Timestamp::EPOCH, Timestamp::EPOCH);
        [(Field::Channel, "mcp"), (Field::Kind, "request"), (Field::Method, "tools/call"), (Field::Tool, "search")]
            .into_iter()
            .for_each(|(field, text)| entry.set_text(field, Some(text)));
        let none = Dependencies::default();
        let some = Dependencies { arguments: DependencyNames::all(), ..Dependencies::default() };
        let body = |password| json!({ "params": { "arguments": { "id": 7, "password": password } } }).to_string();
        for (payload, names, lacking) in [
            (None, vec![], vec!["arguments"]),
            (Some(payload(&body("x"), false)), vec!["id", "password"], vec![]),
            (Some(payload(&body(MASKED), false)), vec!["id", "password"], vec!["arguments"]),
            (Some(payload(&body("x"), true)), vec![], vec!["arguments"]),
            (Some(payload("no json", false)), vec![], vec!["arguments"]),
        ] {
            let (event, has_arguments) = remade_with(&entry, payload.as_ref());
            let found: Vec<_> = event.arguments.iter().map(|argument| argument.name.as_str()).collect();
            assert_eq!(found, names);
            assert_eq!(missing(&entry, &event, has_arguments, Some(&some)), lacking);
            assert_eq!(missing(&entry, &event, has_arguments, None), lacking, "it reads all");
            assert!(missing(&entry, &event, has_arguments, Some(&none)).is_empty(), "it reads none");
        }
        entry.set_text(Field::User, Some(&format!("{}…", "u".repeat(Field::User.longest() - 1))));
        entry.details.insert("phase".to_owned(), MASKED.into());
        let event = remade_event(&entry);
        assert_eq!(missing(&entry, &event, true, None), ["texts that were cut", "facts that were masked"]);
    }
}
