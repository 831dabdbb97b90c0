//! What an entry's page says of its payload: the payload itself, or why it is not there.

use serde_json::Value as Json;

use super::text::{Shown, bytes};
use crate::AuditLog;
use crate::access::{Access, Right};
use crate::entry::{Details, Entry};
use crate::http::problem::Problem;

/// The payload section of the page.
pub(super) enum Payload {
    /// It is not shown, for this reason.
    Absent(&'static str),
    /// It is kept, and this viewer may open it.
    Closed,
    /// It is shown.
    Open(Vec<Body>),
}

/// One of the two bodies.
pub(super) struct Body {
    pub(super) title: &'static str,
    /// `None` when there was none.
    pub(super) text: Option<Shown>,
    pub(super) marks: Vec<String>,
}

const OFF: &str = "None is kept. Payloads are switched off in the settings, so only metadata is recorded.";
const NOT_KEPT: &str = "None is kept. Payloads were switched off when this was recorded, it had no body, or the policy \
                        keeps none for this kind of entry.";
const ERASED: &str = "It was kept and has been erased since, by the payload retention or with a reason that is an entry. What it was can still be \
                      proved by its commitment.";
const AUDITORS: &str = "It is kept, and only auditors may see it. You see the metadata.";

/// The payload of `entry` for this viewer. With `open` it is read, and the reading recorded.
pub(super) fn of(log: &AuditLog, access: &Access, entry: &Entry, open: bool) -> Result<Payload, Problem> {
    if !entry.has_payload {
        return Ok(Payload::Absent(match entry.payload_commitment {
            Some(_) => ERASED,
            None if log.keeps_payloads() => NOT_KEPT,
            None => OFF,
        }));
    }
    match access.may(Right::ReadPayloads) {
        false => Ok(Payload::Absent(AUDITORS)),
        true if !open => Ok(Payload::Closed),
        true => read(log, access, entry),
    }
}

fn read(log: &AuditLog, access: &Access, entry: &Entry) -> Result<Payload, Problem> {
    // Gone between the two looks: the cleanup was quicker.
    let Some((_, kept)) = log.read_payload(access, entry.id)? else { return Ok(Payload::Absent(ERASED)) };
    let body = |title, name, text: Option<String>| Body {
        title,
        text: text.as_deref().map(pretty),
        marks: marks(name, &kept.notes),
    };
    Ok(Payload::Open(vec![body("Request", "request", kept.request), body("Response", "response", kept.response)]))
}

/// JSON with its structure shown, anything else as it is.
fn pretty(text: &str) -> Shown {
    let json = serde_json::from_str::<Json>(text).ok().and_then(|json| serde_json::to_string_pretty(&json).ok());
    Shown::lines(json.as_deref().unwrap_or(text))
}

fn marks(name: &str, notes: &Details) -> Vec<String> {
    let note = |what: &str| notes.get(&format!("{name}_{what}"));
    let is = |what: &str| note(what).and_then(Json::as_bool) == Some(true);
    let mut marks = Vec::new();
    marks.extend(note("bytes").and_then(Json::as_u64).map(bytes));
    marks.extend(is("masked").then(|| "secrets masked".to_owned()));
    marks.extend(is("truncated").then(|| "truncated: only the beginning is kept".to_owned()));
    marks
}
