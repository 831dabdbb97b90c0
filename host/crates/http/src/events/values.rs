//! Reads the members of an item: checked values, states before and after a change, and the payload.

use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;

use mcp_audit_log_model::event::{Argument, Body, Channel, Payload};
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::body::{LONG_TEXT, MEMBERS, PAYLOAD};
use super::sender::Draft;
use crate::query::search::short;

/// Why an item was rejected. The sender reads it, so it names the field and what to do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventRefusal")]
pub(crate) struct Refusal {
    /// The invalid field; absent if the whole item is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// The mistake, and what to do.
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    pub(crate) fn of(field: &str, reason: impl std::fmt::Display) -> Self {
        let field = prefix(field, 60).to_owned();
        Self { reason: format!("{field}: {reason}"), field: Some(field) }
    }
}

/// A text of at most this many characters. An empty text counts as absent.
pub(crate) fn text(json: &RawValue, longest: usize) -> Result<Option<String>, String> {
    let text: String = serde_json::from_str(json.get()).map_err(|_| "give a text".to_owned())?;
    let length = text.chars().count();
    if length > longest {
        return Err(format!("give at most {longest} characters; this has {length}"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A whole number within bounds.
pub(crate) fn number(json: &RawValue, within: RangeInclusive<i64>) -> Result<i64, String> {
    let number = serde_json::from_str(json.get()).ok().filter(|number| within.contains(number));
    number.ok_or_else(|| format!("give a whole number from {} to {}", within.start(), within.end()))
}

/// A UUID from the sender.
pub(crate) fn id(json: &RawValue) -> Result<Uuid, String> {
    let id = serde_json::from_str(json.get()).ok().and_then(|text: String| Uuid::try_parse(&text).ok());
    let id = id.filter(|id| !id.is_nil() && !id.is_max());
    id.ok_or_else(|| "give a UUID, preferably version 7, such as 01930000-0000-7000-8000-000000000001".to_owned())
}

/// A value that is neither a list nor an object.
pub(crate) fn scalar(json: &RawValue) -> Result<Value, String> {
    const WANTED: &str = "give null, true, false, a whole number or a text; convert anything else to a text";
    // Lists and objects are not even read, however deep they are.
    if json.get().starts_with(['[', '{']) {
        return Err(WANTED.to_owned());
    }
    if json.get().starts_with('"') {
        return Ok(text(json, LONG_TEXT)?.map_or_else(|| "".into(), Value::Text));
    }
    let value = serde_json::from_str(json.get()).ok().and_then(|json| Value::from_json(&json));
    value.ok_or_else(|| WANTED.to_owned())
}

/// Names and values in the order in which they were sent. A duplicate name is refused, because parsers differ in which
/// value they use.
pub(crate) type Members<'a> = Vec<(String, &'a RawValue)>;

/// Reads an object of at most `most` members.
pub(crate) fn members(json: &RawValue, most: usize) -> Result<Members<'_>, String> {
    if !json.get().starts_with('{') {
        return Err("give an object".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_str(json.get());
    reader.deserialize_map(Reading(most)).map_err(|error| {
        let error = error.to_string();
        let ours = OURS.iter().any(|ours| error.starts_with(ours));
        // The parser's own message may repeat the input.
        if ours { error.split(" at line ").next().unwrap_or_default().to_owned() } else { "not valid JSON".to_owned() }
    })
}

const TWICE: &str = "the name occurs twice in the object: ";
const MANY: &str = "an object may have at most this many members: ";
const OURS: [&str; 2] = [TWICE, MANY];

struct Reading(usize);

impl<'a> Visitor<'a> for Reading {
    type Value = Members<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
        let (mut members, mut names) = (Members::new(), HashSet::new());
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if !names.insert(name.clone()) {
                return Err(Error::custom(format!("{TWICE}{}", short(&name))));
            }
            if members.len() == self.0 {
                return Err(Error::custom(format!("{MANY}{}", self.0)));
            }
            members.push((name, value));
        }
        Ok(members)
    }
}

/// The state before or after a change: an object.
pub(crate) fn side(json: &RawValue) -> Result<Json, String> {
    members(json, MEMBERS)?;
    serde_json::from_str(json.get()).map_err(|_| "not valid JSON, or nested too deep".to_owned())
}

impl Draft {
    /// Read only if a rule needs them. On the channel admin, arguments of these names would pass for them.
    pub(crate) fn may_change(&self, channel: Channel) -> Result<(), Refusal> {
        let is_state = |argument: &&Argument| channel == Channel::Admin && ["old", "new"].contains(&&*argument.name);
        if let Some(Argument { name, .. }) = self.event.arguments.iter().find(is_state) {
            let advice = format!("{name} is the state of the changed object; give it beside the arguments");
            return Err(Refusal::of("arguments", advice));
        }
        match (channel, &self.old, &self.new) {
            (Channel::Admin, ..) | (_, None, None) => Ok(()),
            (_, old, _) => {
                let field = if old.is_some() { "old" } else { "new" };
                Err(Refusal::of(field, "only events of the channel admin may have an old and a new state"))
            }
        }
    }
}

/// Reads request and response, and the whole length of one that was cut.
pub(crate) fn read(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    let mut payload = Payload::default();
    let (mut request, mut response) = (None, None);
    for (name, value) in members(json, MEMBERS)? {
        let wrong = |reason| format!("{name}: {reason}");
        match name.as_str() {
            "request" => payload.request = body(value).map_err(wrong)?,
            "response" => payload.response = body(value).map_err(wrong)?,
            "request_length" => request = length(value).map_err(wrong)?,
            "response_length" => response = length(value).map_err(wrong)?,
            _ => return Err("only request and response, and the _length of each, are allowed".to_owned()),
        }
    }
    for (body, length) in [(&mut payload.request, request), (&mut payload.response, response)] {
        if let (Some(body), Some(length)) = (body, length) {
            (body.length, body.truncated) = (length, true);
        }
    }
    draft.event.payload = Some(payload).filter(|payload| payload.request.is_some() || payload.response.is_some());
    Ok(())
}

/// How long the whole body was.
fn length(json: &RawValue) -> Result<Option<u64>, String> {
    match json.get() {
        "null" => Ok(None),
        _ => Ok(u64::try_from(number(json, 0..=i64::MAX)?).ok()),
    }
}

/// A text is the body itself. Any other value is a JSON body, stored as it was sent.
fn body(json: &RawValue) -> Result<Option<Body>, String> {
    let text = match json.get() {
        "null" => return Ok(None),
        text if text.starts_with('"') => serde_json::from_str(text).map_err(|_| "not valid text".to_owned())?,
        other => other.to_owned(),
    };
    match text.len() <= PAYLOAD {
        true => Ok(Some(Body::whole(text))),
        false => Err(format!("give at most {PAYLOAD} bytes")),
    }
}
