//! The members of an item: which of them may be sent, and where they go. The field table has a rule for each field of
//! an entry; this module has the checks of single fields and the other members.

use std::net::IpAddr;

use Rule::{Read, Refused};
use mcp_audit_log_model::event::{Argument, Channel, Kind, Outcome, OutcomeDetail};
use mcp_audit_log_model::field::{Field, FieldType, SenderRule};
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

/// Reads a value into the draft.
type Reader = fn(&mut Draft, &RawValue) -> Result<(), String>;
/// Describes the accepted values in the API's document.
type Described = fn(&mut SchemaGenerator) -> Schema;

/// The rule for a member of an item.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// Not allowed: only the log sets it. The text says why, or what to send instead.
    Refused(&'static str),
    /// A text. The field's own rule puts it into the event, a fact, or an argument.
    Text(Field),
    /// A count that becomes a fact with the field's name.
    Count(Field),
    /// Any other value, with its reader and its description for the document.
    Read(Reader, Described),
}

/// Members that are not fields of an entry: those that an item may have, and those that a sender might expect.
const OTHERS: &[(&str, Rule)] = &[
    ("has_payload", Refused("the log derives this from the payload; send the payload")),
    ("payload_commitment", Refused("the log computes this; send the payload")),
    ("details", Refused("the log composes this; send single values as facts")),
    ("changes", Refused("the policy computes this; send old and new")),
    ("sent_by", Refused("the log sets this to the user of your token; leave it out")),
    ("facts", Read(facts, schema::facts)),
    ("arguments", Read(arguments, schema::object)),
    ("old", Read(|draft, json| values::side(json).map(|side| draft.old = Some(side)), schema::object)),
    ("new", Read(|draft, json| values::side(json).map(|side| draft.new = Some(side)), schema::object)),
    ("payload", Read(values::read, schema::payload)),
    ("target", Read(target, schema::target)),
    (
        "error_code",
        Read(
            |draft, json| number(json, i64::MIN..=i64::MAX).map(|code| draft.error_code = Some(code)),
            schema::integer,
        ),
    ),
];

/// The number of members that have a rule.
pub(crate) const KNOWN: usize = Field::COUNT + OTHERS.len();

/// Every member that an item may have or that a sender might expect, with its rule.
pub(crate) fn members_and_rules() -> impl Iterator<Item = (&'static str, Rule)> {
    let fields = Field::ALL.iter().map(|field| (field.name(), rule_of(*field)));
    fields.chain(OTHERS.iter().copied())
}

/// The rule of a member; `None` for an unknown member, which is refused.
pub(crate) fn rule(name: &str) -> Option<Rule> {
    let other = || OTHERS.iter().find(|(other, _)| *other == name).map(|(_, rule)| *rule);
    Field::named(name).map(rule_of).or_else(other)
}

fn rule_of(field: Field) -> Rule {
    match field.sender_rule() {
        SenderRule::Refused(advice) => Refused(advice),
        SenderRule::Fact if field.kind() == FieldType::Integer => Rule::Count(field),
        SenderRule::Checked => checked(field),
        _ => Rule::Text(field),
    }
}

/// Fields with their own reader.
fn checked(field: Field) -> Rule {
    match field {
        Field::Id => Read(|draft, json| id(json).map(|id| draft.id = Some(id)), Uuid::json_schema),
        Field::OccurredAt => {
            Read(|draft, json| occurred_at(draft.now, json).map(|at| draft.occurred_at = Some(at)), Moment::json_schema)
        }
        Field::Channel => Read(
            |draft, json| word(json, Channel::ALL, Channel::as_str).map(|word| draft.channel = Some(word)),
            |_| schema::words(Channel::ALL, Channel::as_str),
        ),
        Field::Kind => Read(
            |draft, json| word(json, Kind::ALL, Kind::as_str).map(|word| draft.kind = Some(word)),
            |_| schema::words(Kind::ALL, Kind::as_str),
        ),
        Field::Outcome => Read(
            |draft, json| word(json, Outcome::ENDED, Outcome::as_str).map(|word| draft.outcome = Some(word)),
            |_| schema::words(Outcome::ENDED, Outcome::as_str),
        ),
        Field::OutcomeDetail => Read(
            |draft, json| word(json, OutcomeDetail::ALL, OutcomeDetail::as_str).map(|word| draft.detail = Some(word)),
            |_| schema::words(OutcomeDetail::ALL, OutcomeDetail::as_str),
        ),
        Field::StatusCode => Read(status_code, schema::status),
        Field::DurationUs => Read(duration, schema::count),
        Field::Ip => Read(ip, schema::ip),
        Field::TraceId => Read(trace_id, schema::trace_id),
        Field::Parent => Read(|draft, json| id(json).map(|id| draft.event.parent = Some(id)), Uuid::json_schema),
        _ => Refused(UNREAD),
    }
}

/// A field that needs a check but has none here.
const UNREAD: &str = "this field cannot be sent; leave it out";

/// The allowed lead of a sender's clock.
const AHEAD: i64 = 5 * 60 * SECOND;
/// The year 2000. No such platform is older.
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

/// Values that only the log may use. A sender's `intent` would make the log record the end of a call that never
/// happened.
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

/// The name of another target than a tool, a prompt or a resource.
fn target(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    draft.other = text(json, TEXT)?;
    Ok(())
}

/// Names of facts that list changes. Only the old and the new state of an item produce them.
const OF_CHANGES: [&str; 3] = ["field", "setting", "changes_left_out"];
/// A year, in microseconds. A longer value is not a duration and would spoil sums.
const LONGEST_DURATION: i64 = 365 * DAY;

fn facts(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    for (name, json) in members(json, MEMBERS)? {
        if name.is_empty() || name.chars().count() > NAME {
            return Err(format!("give names of 1 to {NAME} characters"));
        }
        if rule(&name).is_some() || OF_CHANGES.contains(&&*name) {
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
    let arguments = members(json, MEMBERS)?.into_iter();
    draft.event.arguments = arguments.map(|(name, json)| Argument { name, json: json.get().to_owned() }).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_checked_has_a_check() {
        for field in Field::ALL.iter().filter(|field| field.sender_rule() == SenderRule::Checked) {
            assert!(!matches!(checked(*field), Refused(_)), "{}: add a check in events/fields.rs", field.name());
        }
    }
}
