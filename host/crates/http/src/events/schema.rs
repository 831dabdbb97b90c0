//! The schema of an item, generated from the table that reads it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use super::body::{ITEMS, LONG_TEXT, MEMBERS, NAME, TEXT};
use super::fields::{Rule, allowed, members_and_rules};

/// An item, in the OpenAPI document.
struct NewEvent;

/// One item or several, in the OpenAPI document.
pub(crate) struct NewEvents;

impl JsonSchema for NewEvents {
    fn schema_name() -> Cow<'static, str> {
        "NewEvents".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<NewEvent>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "maxItems": ITEMS }] })
    }
}

impl JsonSchema for NewEvent {
    fn schema_name() -> Cow<'static, str> {
        "NewEvent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut members: Map<_, _> =
            members_and_rules().filter_map(|(name, rule)| member(name, rule, generator)).collect();
        // What may be left out may be null as well.
        for (_, schema) in members.iter_mut().filter(|(name, _)| *name != "channel") {
            *schema = json!({ "anyOf": [schema, { "type": "null" }] });
        }
        json_schema!({
            "type": "object",
            "description": "What happened. docs/events.md describes each field.",
            "properties": members,
            "required": ["channel"],
            "additionalProperties": false,
        })
    }
}

fn member(name: &str, rule: Rule, generator: &mut SchemaGenerator) -> Option<(String, Json)> {
    let schema = match rule {
        Rule::Refused(_) => return None,
        Rule::Text(field) => text(field.longest()),
        Rule::Count(_) => count(generator),
        Rule::Read(_, schema) => schema(generator),
    };
    Some((name.to_owned(), schema.into()))
}

fn text(longest: usize) -> Schema {
    json_schema!({ "type": "string", "maxLength": longest })
}

/// The values of a vocabulary.
pub(crate) fn words<T: Copy>(words: &[T], text: fn(T) -> &'static str) -> Schema {
    let words: Vec<_> = allowed(words, text).map(text).collect();
    json_schema!({ "type": "string", "enum": words })
}

pub(crate) fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int64", "minimum": 0 })
}

pub(crate) fn integer(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int64" })
}

pub(crate) fn target(_: &mut SchemaGenerator) -> Schema {
    text(TEXT)
}

pub(crate) fn status(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 })
}

pub(crate) fn ip(_: &mut SchemaGenerator) -> Schema {
    let forms = ["ipv4", "ipv6"].map(|format| json_schema!({ "type": "string", "format": format }));
    json_schema!({ "anyOf": forms })
}

pub(crate) fn trace_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f]{32}$", "description": "A W3C trace id." })
}

pub(crate) fn facts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MEMBERS,
        "propertyNames": { "minLength": 1, "maxLength": NAME },
        "additionalProperties": { "type": ["null", "boolean", "integer", "string"], "maxLength": LONG_TEXT },
    })
}

/// Members of any kind.
pub(crate) fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "maxProperties": MEMBERS })
}

pub(crate) fn payload(_: &mut SchemaGenerator) -> Schema {
    let body = json!({ "description": "A text, or JSON; kept only while payload logging is on." });
    let length = json!({
        "type": ["integer", "null"],
        "format": "int64",
        "minimum": 0,
        "description": "The length of the whole body, in bytes, if only its beginning is sent.",
    });
    json_schema!({
        "type": "object",
        "properties": { "request": body, "response": body, "request_length": length, "response_length": length },
        "additionalProperties": false,
    })
}
