//! The fields of an item, one line each: which may be sent, and where they go. What is not in this table is refused.

use std::net::IpAddr;

use Rule::{Count, Fact, Long, Ours, Read, Text};
use mcp_audit_log_model::event::{Argument, Channel, Detail, Kind, Outcome};
use mcp_audit_log_model::time::{DAY, SECOND, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::body::{MEMBERS, NAME, TEXT};
use super::sender::Draft;
use super::values::{id, members, number, scalar, text};
use super::{schema, values};
use crate::query::extractor::Moment;
use crate::query::search::short;

/// What may be done with a field.
pub(crate) enum Rule {
    /// Not allowed: only the log sets it. The text says why, or what to send instead.
    Ours(&'static str),
    /// A text of ordinary length.
    Text(fn(&mut Draft) -> &mut Option<String>),
    /// A longer text.
    Long(fn(&mut Draft) -> &mut Option<String>),
    /// A text that travels as a fact of the field's name.
    Fact,
    /// A count that travels as a fact of the field's name.
    Count,
    /// A text that the policy gets as an argument of a request, to keep what looks like a name.
    Argument,
    /// Anything else: how it is read, and how the document describes what is taken.
    Read(fn(&mut Draft, &RawValue) -> Result<(), String>, fn(&mut SchemaGenerator) -> Schema),
}

/// Every field of an entry, and what an item has besides.
pub(crate) const FIELDS: &[(&str, Rule)] = &[
    ("seq", Ours("the log assigns seq; leave it out")),
    ("id", Read(|draft, json| id(json).map(|id| draft.id = Some(id)), Uuid::json_schema)),
    (
        "occurred_at",
        Read(|draft, json| occurred_at(draft.now, json).map(|at| draft.occurred_at = Some(at)), Moment::json_schema),
    ),
    ("recorded_at", Ours("the log sets this from its own clock; send occurred_at")),
    (
        "channel",
        Read(
            |draft, json| word(json, Channel::ALL, Channel::as_str).map(|word| draft.channel = Some(word)),
            |_| schema::words(Channel::ALL, Channel::as_str),
        ),
    ),
    (
        "kind",
        Read(
            |draft, json| word(json, Kind::ALL, Kind::as_str).map(|word| draft.kind = Some(word)),
            |_| schema::words(Kind::ALL, Kind::as_str),
        ),
    ),
    ("action", Ours("the policy sets the action; send the method (for the channel admin, the action itself)")),
    ("method", Text(|draft| &mut draft.event.method)),
    ("tool", Text(|draft| &mut draft.tool)),
    ("prompt", Text(|draft| &mut draft.prompt)),
    ("resource_uri", Long(|draft| &mut draft.resource_uri)),
    ("server", Text(|draft| &mut draft.event.server)),
    ("http_method", Fact),
    ("path", Long(|draft| &mut draft.event.path)),
    ("protocol_version", Fact),
    (
        "outcome",
        Read(
            |draft, json| word(json, Outcome::ENDED, Outcome::as_str).map(|word| draft.outcome = Some(word)),
            |_| schema::words(Outcome::ENDED, Outcome::as_str),
        ),
    ),
    (
        "outcome_detail",
        Read(
            |draft, json| word(json, Detail::ALL, Detail::as_str).map(|word| draft.detail = Some(word)),
            |_| schema::words(Detail::ALL, Detail::as_str),
        ),
    ),
    ("status_code", Read(status_code, schema::status)),
    ("duration_us", Read(duration, schema::count)),
    ("request_bytes", Count),
    ("response_bytes", Count),
    ("user", Text(|draft| &mut draft.event.caller.user)),
    ("connection", Text(|draft| &mut draft.event.caller.connection)),
    ("agent", Text(|draft| &mut draft.event.caller.agent)),
    ("agent_instance", Text(|draft| &mut draft.event.caller.agent_instance)),
    ("instance", Text(|draft| &mut draft.event.caller.instance)),
    ("client_name", Text(|draft| &mut draft.event.client.name)),
    ("client_version", Text(|draft| &mut draft.event.client.version)),
    ("session", Text(|draft| &mut draft.event.client.session)),
    ("request_id", Text(|draft| &mut draft.event.request_id)),
    ("ip", Read(ip, schema::ip)),
    ("user_agent", Text(|draft| &mut draft.event.client.user_agent)),
    ("resource_type", Fact),
    ("resource_id", Fact),
    ("resource_name", Fact),
    ("model", Rule::Argument),
    ("record_id", Rule::Argument),
    ("provider", Fact),
    ("llm_model", Fact),
    ("api_key", Fact),
    ("input_tokens", Count),
    ("output_tokens", Count),
    ("cost_micros", Count),
    ("policy", Fact),
    ("error_type", Text(|draft| &mut draft.error_type)),
    ("error_message", Long(|draft| &mut draft.error_message)),
    ("trace_id", Read(trace_id, schema::trace_id)),
    ("parent", Read(|draft, json| id(json).map(|id| draft.event.parent = Some(id)), Uuid::json_schema)),
    ("fault", Ours("the log sets this when a policy fails; leave it out")),
    ("has_payload", Ours("the log derives this from the payload; send the payload")),
    ("payload_commitment", Ours("the log computes this; send the payload")),
    ("details", Ours("the log composes this; send single values as facts")),
    ("changes", Ours("the policy computes this; send old and new")),
    ("sent_by", Ours("the log sets this to the user of your token; leave it out")),
    ("facts", Read(facts, schema::facts)),
    ("arguments", Read(arguments, schema::object)),
    ("old", Read(|draft, json| values::side(json).map(|side| draft.old = Some(side)), schema::object)),
    ("new", Read(|draft, json| values::side(json).map(|side| draft.new = Some(side)), schema::object)),
    ("payload", Read(values::read, schema::payload)),
];

/// How far in the future a sender's clock may be.
const AHEAD: i64 = 5 * 60 * SECOND;
/// The year 2000, before which no platform of this kind was.
const FIRST: Timestamp = Timestamp::from_seconds(946_684_800);

fn occurred_at(now: Timestamp, json: &RawValue) -> Result<Timestamp, String> {
    let at = text(json, TEXT)?.as_deref().and_then(Timestamp::parse);
    let at = at.ok_or("give a time in RFC 3339, such as 2026-11-21T02:09:46Z")?;
    match at {
        at if at < FIRST => Err("the time is before the year 2000; check the sender's clock and unit".to_owned()),
        at if at > now.plus(AHEAD) => Err(format!("the time is in the future (now is {now}); set the sender's clock")),
        at => Ok(at),
    }
}

/// Values that only the log may use: a sender's `intent` would make the log record the end of a call that never was.
const RESERVED: [&str; 3] = ["system", "intent", "intended"];

/// The values of a vocabulary that a sender may use.
pub(crate) fn allowed<T: Copy>(words: &[T], text: fn(T) -> &'static str) -> impl Iterator<Item = T> {
    words.iter().copied().filter(move |word| !RESERVED.contains(&text(*word)))
}

/// A value of a vocabulary.
fn word<T: Copy>(json: &RawValue, words: &[T], text: fn(T) -> &'static str) -> Result<T, String> {
    let given: Option<String> = serde_json::from_str(json.get()).ok();
    let allowed = || allowed(words, text);
    let reserved = given.as_deref().filter(|given| RESERVED.contains(given));
    if let Some(given) = reserved.filter(|given| words.iter().any(|word| text(*word) == *given)) {
        return Err(format!("{given} is reserved for the log; choose another value"));
    }
    let found = given.and_then(|given| allowed().find(|word| text(*word) == given));
    found.ok_or_else(|| format!("give one of: {}", allowed().map(text).collect::<Vec<_>>().join(", ")))
}

fn status_code(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    let status = number(json, 100..=599)?;
    draft.event.status_code = u16::try_from(status).ok();
    Ok(())
}

fn duration(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    draft.event.duration_us = number(json, 0..=LONGEST_DURATION)?.try_into().ok();
    Ok(())
}

fn ip(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    let ip = text(json, TEXT)?.and_then(|text| text.parse::<IpAddr>().ok());
    let ip = ip.ok_or("give an IP address such as 203.0.113.7 or 2001:db8::7, without a port")?;
    draft.event.client.ip = Some(ip.to_canonical().to_string());
    Ok(())
}

fn trace_id(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    let id = text(json, TEXT)?.filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let id = id.filter(|id| id.bytes().any(|byte| byte != b'0'));
    draft.event.trace_id = Some(id.ok_or("give the 32 hexadecimal digits of a W3C trace id")?.to_ascii_lowercase());
    Ok(())
}

/// What a list of changes is made of, which only the states before and after make.
const OF_CHANGES: [&str; 3] = ["field", "setting", "changes_left_out"];
/// A year, in microseconds: what is longer is no duration, and spoils sums.
const LONGEST_DURATION: i64 = 365 * DAY;

fn facts(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    for (name, json) in members(json, MEMBERS)? {
        if name.is_empty() || name.chars().count() > NAME {
            return Err(format!("give names of 1 to {NAME} characters"));
        }
        if FIELDS.iter().any(|(field, _)| *field == name) || OF_CHANGES.contains(&&*name) {
            return Err(format!(
                "{} is not allowed as a fact; if it is a field, give it beside the facts",
                short(&name)
            ));
        }
        let value = scalar(json).map_err(|reason| format!("{}: {reason}", short(&name)))?;
        draft.facts.push((name, value));
    }
    Ok(())
}

fn arguments(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    let arguments = members(json, MEMBERS)?;
    if let Some((name, _)) = arguments.iter().find(|(name, _)| ["old", "new"].contains(&&**name)) {
        return Err(format!("{name} is the state of the changed object; give it beside the arguments"));
    }
    let arguments = arguments.into_iter();
    draft.event.arguments = arguments.map(|(name, json)| Argument { name, json: json.get().to_owned() }).collect();
    Ok(())
}
