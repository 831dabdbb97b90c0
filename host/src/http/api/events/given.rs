//! Values of an item as they were sent, read with a sentence for whatever does not fit.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::limits::LONG_TEXT;
use crate::value::Value;

/// Why an item was rejected. The sender reads it, so it names the field and what to do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventRefusal")]
pub(super) struct Refusal {
    /// The invalid field; absent if the whole item is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// What is wrong with it, and what to do.
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn whole(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    pub(super) fn of(field: &str, reason: impl std::fmt::Display) -> Self {
        let field = cut(field);
        Self { reason: format!("{field}: {reason}"), field: Some(field) }
    }
}

/// A text of at most so many characters. An empty one is none.
pub(super) fn text(json: &RawValue, longest: usize) -> Result<Option<String>, String> {
    let text: String = serde_json::from_str(json.get()).map_err(|_| "give a text".to_owned())?;
    let length = text.chars().count();
    if length > longest {
        return Err(format!("give at most {longest} characters; this has {length}"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A whole number within bounds.
pub(super) fn number(json: &RawValue, within: RangeInclusive<i64>) -> Result<i64, String> {
    let number = serde_json::from_str(json.get()).ok().filter(|number| within.contains(number));
    number.ok_or_else(|| format!("give a whole number from {} to {}", within.start(), within.end()))
}

/// A UUID from the sender.
pub(super) fn id(json: &RawValue) -> Result<Uuid, String> {
    let id = serde_json::from_str(json.get()).ok().and_then(|text: String| Uuid::try_parse(&text).ok());
    let id = id.filter(|id| !id.is_nil() && !id.is_max());
    id.ok_or_else(|| "give a UUID, preferably version 7, such as 01930000-0000-7000-8000-000000000001".to_owned())
}

/// A value that is no list and no object.
pub(super) fn scalar(json: &RawValue) -> Result<Value, String> {
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

/// A name from outside as a sentence repeats it.
pub(super) fn short(name: &str) -> String {
    serde_json::Value::from(cut(name)).to_string()
}

fn cut(name: &str) -> String {
    name.chars().take(60).collect()
}
