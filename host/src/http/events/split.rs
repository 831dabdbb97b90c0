//! From a body to its items: one object, an array, or a line each.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::value::RawValue;

use super::body::{ITEM, ITEMS};
use super::values::Refusal;
use crate::http::problem::Problem;

/// How the items are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Form {
    /// One object, or an array of them.
    Json,
    /// An object on each line.
    Lines,
}

/// An item as it was sent, or why it is none.
pub(in crate::http) type Item<'a> = Result<&'a RawValue, Refusal>;

impl Form {
    pub(in crate::http) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = text(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let plain = matches!(text(CONTENT_ENCODING).trim().to_ascii_lowercase().as_str(), "" | "identity");
        match kind.as_str() {
            "application/json" if plain => Ok(Self::Json),
            "application/x-ndjson" if plain => Ok(Self::Lines),
            _ => Err(Problem::media_type("application/json or application/x-ndjson, not compressed")),
        }
    }
}

/// The items, in order.
pub(in crate::http) fn items(body: &[u8], form: Form) -> Result<Vec<Item<'_>>, Problem> {
    match form {
        Form::Lines => lines(body),
        Form::Json if body.trim_ascii_start().starts_with(b"[") => array(body),
        Form::Json => one(body).map(|item| vec![short(item)]),
    }
}

/// A line that is no JSON is refused alone.
fn lines(body: &[u8]) -> Result<Vec<Item<'_>>, Problem> {
    let lines = || body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    within(lines().count())?;
    let read = |line| match serde_json::from_slice(line) {
        Ok(item) => short(item),
        Err(_) => Err(Refusal::whole("not valid JSON in UTF-8; send one object per line")),
    };
    Ok(lines().map(read).collect())
}

fn array(body: &[u8]) -> Result<Vec<Item<'_>>, Problem> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    within(items.len())?;
    Ok(items.into_iter().map(short).collect())
}

fn one(body: &[u8]) -> Result<&RawValue, Problem> {
    serde_json::from_slice(body).map_err(|error| not_json(&error))
}

fn short(item: &RawValue) -> Item<'_> {
    match item.get().len() <= ITEM {
        true => Ok(item),
        false => Err(Refusal::whole(format!("an item may have at most {ITEM} bytes; shorten it"))),
    }
}

fn within(count: usize) -> Result<(), Problem> {
    match count <= ITEMS {
        true => Ok(()),
        false => Err(Problem::too_long(format!(
            "The request has {count} items; at most {ITEMS} are allowed, and nothing was recorded. Send fewer at once."
        ))),
    }
}

/// Only the position: the parser's own message may repeat the input.
fn not_json(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    let advice = "Send one object, an array of objects, or one object per line as application/x-ndjson.";
    Problem::body(format!("The body is not valid JSON in UTF-8 ({place}), so nothing was recorded. {advice}"))
}
