//! The payload on an entry's page, or why there is none.

use std::collections::BTreeSet;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::bytes;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_service::AuditLog;
use serde_json::Value as Json;

use super::diff::{Change, told};
use super::json::Tree;
use crate::problem::Problem;
use crate::ui::text::Shown;

/// A text longer than this, in bytes, is shown only up to this length.
const MOST: usize = 200_000;

/// The payload section of the page.
pub(crate) enum Payload {
    /// The payload is not shown, for this reason.
    Absent(&'static str),
    /// A user erased it.
    Erased(Erased),
    /// The payload is stored, and this viewer may open it.
    Closed,
    /// The payload is shown; for a changed definition of a tool, with what differs.
    Open(Vec<Body>, Vec<Change>),
}

/// The user and the reason.
pub(crate) struct Erased {
    pub(crate) by: Shown,
    pub(crate) at: String,
    pub(crate) reason: Shown,
    /// The entry about the erasure.
    pub(crate) entry: String,
}

/// One of the two bodies.
pub(crate) struct Body {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: Text,
    pub(crate) marks: Vec<String>,
}

/// A document.
pub(crate) enum Text {
    /// The call had no such body.
    Nothing,
    /// JSON, to be folded.
    Tree(Tree),
    /// Anything else, unchanged.
    Plain(Shown),
}

const OFF: &str =
    "Not kept. Payload logging is off, so only metadata is recorded. An administrator can switch it on under Settings.";
const NOT_KEPT: &str = "Not kept. Payload logging was off when this was recorded, there was no body, or the policy \
                        keeps none for this kind of entry.";
const REMOVED: &str = "Deleted by the payload retention: you can see no entry that reports an erasure. The \
                       commitment still proves its content.";
const AUDITORS: &str = "Kept, but only auditors may see it. You see the metadata.";

/// The payload of `entry` for this viewer. With `open`, it is read, and the reading is recorded.
pub(crate) fn of(log: &AuditLog, access: &Grant, entry: &Entry, open: bool) -> Result<Payload, Problem> {
    if !entry.has_payload {
        return match entry.payload_commitment {
            Some(_) => gone(log, access, entry),
            None if log.keeps_payloads() => Ok(Payload::Absent(NOT_KEPT)),
            None => Ok(Payload::Absent(OFF)),
        };
    }
    match access.may(Right::ReadPayloads) {
        false => Ok(Payload::Absent(AUDITORS)),
        true if !open => Ok(Payload::Closed),
        true => read(log, access, entry),
    }
}

/// The reason why a kept payload is missing. An erasure leaves an entry; the cleanup leaves no entry for each payload.
fn gone(log: &AuditLog, access: &Grant, entry: &Entry) -> Result<Payload, Problem> {
    let id = entry.id.to_string();
    let erasures = Domain::equals(Field::Parent, id.as_str()).and(Domain::equals(Field::Method, "payload.erased"));
    let found = log.view().reader(access).page(erasures, PageAnchor::Newest, 1)?;
    Ok(match found.entries.first() {
        Some(erasure) => Payload::Erased(Erased::new(erasure, access.zone())),
        None => Payload::Absent(REMOVED),
    })
}

impl Erased {
    fn new(erasure: &Entry, zone: TimeZone) -> Self {
        let reason = erasure.details.get("reason").and_then(Json::as_str);
        Self {
            by: Shown::line(erasure.text(Field::User).unwrap_or("an unknown user")),
            at: zone.exact(erasure.recorded_at),
            reason: Shown::line(reason.unwrap_or("not given")),
            entry: erasure.id.to_string(),
        }
    }
}

fn read(log: &AuditLog, access: &Grant, entry: &Entry) -> Result<Payload, Problem> {
    // The cleanup removed it between the two reads.
    let Some((_, kept)) = log.read_payload(access, entry.id)? else { return gone(log, access, entry) };
    let body = |title, name, text: &Option<String>| {
        let mut marks = marks(name, &kept.notes);
        let text = Text::new(text.as_deref(), &mut marks);
        Body { name, title, text, marks }
    };
    let is_definition = entry.text(Field::Action).is_some_and(|action| action.starts_with("tool.definition_"));
    let [asked, answered] = if is_definition { ["Definition before", "Definition"] } else { ["Request", "Response"] };
    let bodies = vec![body(asked, "request", &kept.request), body(answered, "response", &kept.response)];
    let changes = match (is_definition, &kept.request, &kept.response) {
        (true, Some(before), Some(after)) => differences(before, after),
        _ => Vec::new(),
    };
    Ok(Payload::Open(bodies, changes))
}

/// The members of two JSON objects that differ.
fn differences(before: &str, after: &str) -> Vec<Change> {
    let members = |text| serde_json::from_str::<serde_json::Map<String, Json>>(text).unwrap_or_default();
    let (before, after) = (members(before), members(after));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differ = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let side = |members: &serde_json::Map<String, Json>, name: &String| members.get(name).and_then(told);
    differ.map(|name| Change::of(name, side(&before, name), side(&after, name))).collect()
}

impl Text {
    fn new(text: Option<&str>, marks: &mut Vec<String>) -> Self {
        let Some(text) = text else { return Self::Nothing };
        if let Some(tree) = Tree::new(text) {
            return Self::Tree(tree);
        }
        let shown = &text[..text.floor_char_boundary(MOST)];
        if shown.len() < text.len() {
            marks.push("only the beginning is shown; the API returns all of it".to_owned());
        }
        Self::Plain(Shown::lines(shown))
    }
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
