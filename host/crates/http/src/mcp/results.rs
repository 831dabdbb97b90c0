//! Results as JSON: only members that are set, and never more than an assistant can read.

use mcp_audit_log_index::{Page, StoredPayload};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::problem::Problem;
use crate::query::cursor;
use mcp_audit_log_core::secret::Secret;

/// The most bytes of a result.
const BYTES: usize = 32 << 10;
/// The most bytes of a body of a payload.
const BODY: usize = 12 << 10;

/// The usual fields of an entry in a list.
const USUAL: &[Field] = &[
    Field::Id,
    Field::OccurredAt,
    Field::Action,
    Field::Method,
    Field::Tool,
    Field::Prompt,
    Field::ResourceUri,
    Field::ResourceName,
    Field::Server,
    Field::Path,
    Field::Outcome,
    Field::OutcomeDetail,
    Field::StatusCode,
    Field::ErrorType,
    Field::ErrorMessage,
    Field::DurationUs,
    Field::User,
    Field::Connection,
    Field::Agent,
    Field::ClientName,
    Field::Session,
];

/// A result, and the number of things in it.
pub(super) struct Found {
    pub(super) json: Json,
    pub(super) results: u64,
}

/// Entries up to the limit in bytes, and the cursor of those after them.
pub(super) fn page(page: &Page, fields: Option<&[Field]>, secret: &Secret) -> Result<Found, Problem> {
    let (mut entries, mut bytes, mut next) = (Vec::new(), 0, page.next);
    for (at, entry) in page.entries.iter().enumerate() {
        let json = members(entry, Some(fields.unwrap_or(USUAL)))?;
        bytes += json.to_string().len() + 1;
        if bytes > BYTES && at > 0 {
            next = page.entries.get(at - 1).map(|entry| entry.seq);
            break;
        }
        entries.push(json);
    }
    let results = entries.len() as u64;
    let next = next.map(|seq| cursor::older(secret, seq));
    Ok(Found { json: json!({ "entries": entries, "next": next }), results })
}

/// An entry as a whole, and its payload.
pub(super) fn entry(entry: &Entry, payload: Option<Option<StoredPayload>>) -> Result<Found, Problem> {
    let mut json = members(entry, None)?;
    json["details"] = serialized(&entry.details)?;
    let details = json["details"].to_string().len();
    if details > BODY {
        json["details"] = json!({ "omitted_bytes": details });
    }
    if let Some(payload) = payload {
        json["payload"] = payload.map(kept).transpose()?.unwrap_or_default();
    }
    fitting(json, "Ask for the entry without its payload.")
}

/// A body is a text here: every character is as it was sent, also of a number.
fn kept(payload: StoredPayload) -> Result<Json, Problem> {
    let mut json = json!({ "notes": serialized(&payload.notes)? });
    for (name, body) in [("request", payload.request), ("response", payload.response)] {
        let Some(body) = body else { continue };
        let begin = beginning(&body);
        if begin.len() < body.len() {
            json[format!("{name}_bytes")] = body.len().into();
        }
        json[name] = begin.into();
    }
    Ok(json)
}

/// As much of a body as fits, written as JSON.
fn beginning(body: &str) -> &str {
    let mut end = body.len().min(BODY);
    loop {
        let begin = &body[..body.floor_char_boundary(end)];
        if Json::from(begin).to_string().len() <= BODY {
            return begin;
        }
        end -= end / 8 + 1;
    }
}

/// Any answer of the API, without members that are null.
pub(super) fn any<T: Serialize>(value: &T, advice: &str) -> Result<Found, Problem> {
    let mut json = serialized(value)?;
    prune(&mut json);
    fitting(json, advice)
}

/// Figures, and with `with_series` those over time. The links of each point would be longer than the figures.
pub(super) fn usage<T: Serialize>(usage: &T, with_series: bool) -> Result<Found, Problem> {
    let mut json = serialized(usage)?;
    prune(&mut json);
    if !with_series && let Json::Object(members) = &mut json {
        members.remove("series");
    }
    for point in
        json.get_mut("series").and_then(Json::as_array_mut).into_iter().flatten().filter_map(Json::as_object_mut)
    {
        point.retain(|name, _| name != "entries" && name != "error_entries");
    }
    fitting(json, "Use a longer step, a shorter range, fewer fields in by, or a smaller limit.")
}

/// Refuses a result that is too long.
fn fitting(json: Json, advice: &str) -> Result<Found, Problem> {
    let bytes = json.to_string().len();
    let list = ["groups", "values", "fields"].into_iter().find_map(|name| json[name].as_array());
    match bytes <= BYTES {
        true => Ok(Found { results: list.map_or(1, |list| list.len() as u64), json }),
        false => Err(Problem::query(format!("The result has {bytes} bytes, and {BYTES} are allowed. {advice}"))),
    }
}

fn members(entry: &Entry, fields: Option<&[Field]>) -> Result<Json, Problem> {
    let Json::Object(mut members) = serialized(entry)? else { return Ok(Json::Null) };
    members.remove("details");
    members.retain(|name, value| {
        let is_wanted = |fields: &[Field]| name == "id" || fields.iter().any(|field| field.name() == name);
        !value.is_null() && fields.is_none_or(is_wanted)
    });
    Ok(Json::Object(members))
}

fn serialized<T: Serialize>(value: &T) -> Result<Json, Problem> {
    serde_json::to_value(value).map_err(|error| Problem::internal(&error))
}

/// Removes members that are null, except values that were counted: those of entries without one.
fn prune(json: &mut Json) {
    match json {
        Json::Object(members) => {
            members.retain(|name, value| !value.is_null() || ["key", "second_key"].contains(&name.as_str()));
            members.iter_mut().filter(|(name, _)| *name != "keys").for_each(|(_, value)| prune(value));
        }
        Json::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}
