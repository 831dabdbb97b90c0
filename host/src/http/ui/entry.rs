//! `/entries/{id}`: everything about one entry.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value as Json;
use uuid::Uuid;

use super::draw;
use super::frame::{Frame, Here};
use super::payload::{self, Payload};
use super::row::Row;
use super::text::{Shown, duration, exact};
use crate::access::Right;
use crate::entry::Entry;
use crate::field::{Field, FieldType};
use crate::http::auth::Visitor;
use crate::http::problem::Problem;
use crate::http::search::{self, query};

/// The sections of the page, each with its fields in order. Every field stands in one of them.
const SECTIONS: [(&str, &[(Field, &str)]); 5] = [
    (
        "What",
        &[
            (Field::Action, "Action"),
            (Field::Method, "Method"),
            (Field::Tool, "Tool"),
            (Field::Prompt, "Prompt"),
            (Field::ResourceUri, "Resource"),
            (Field::Server, "Server"),
            (Field::Path, "Path"),
            (Field::Outcome, "Outcome"),
            (Field::OutcomeDetail, "Exact outcome"),
            (Field::Policy, "Blocked by policy"),
            (Field::StatusCode, "HTTP status"),
            (Field::DurationUs, "Duration"),
            (Field::Channel, "Channel"),
            (Field::Kind, "Kind"),
        ],
    ),
    (
        "Who",
        &[
            (Field::User, "User"),
            (Field::Connection, "Connection"),
            (Field::Agent, "Agent"),
            (Field::AgentInstance, "Agent instance"),
            (Field::Instance, "Instance"),
            (Field::ClientName, "Client"),
            (Field::ClientVersion, "Client version"),
            (Field::Ip, "IP address"),
            (Field::UserAgent, "User agent"),
            (Field::Session, "Session"),
        ],
    ),
    (
        "Affected",
        &[
            (Field::Model, "Model"),
            (Field::RecordId, "Record"),
            (Field::ResourceType, "Resource type"),
            (Field::ResourceId, "Resource id"),
            (Field::ResourceName, "Resource name"),
        ],
    ),
    (
        "Usage",
        &[
            (Field::Provider, "Provider"),
            (Field::LlmModel, "Language model"),
            (Field::ApiKey, "API key"),
            (Field::InputTokens, "Tokens in"),
            (Field::OutputTokens, "Tokens out"),
            (Field::CostMicros, "Cost, in millionths"),
        ],
    ),
    (
        "Record",
        &[
            (Field::OccurredAt, "Occurred"),
            (Field::RecordedAt, "Recorded"),
            (Field::Seq, "Place in the log"),
            (Field::Id, "Entry id"),
            (Field::RequestId, "Request id"),
            (Field::TraceId, "Trace id"),
            (Field::Parent, "Parent"),
        ],
    ),
];

/// Told in a box of their own, when there are any.
const ERRORS: [(Field, &str); 3] =
    [(Field::ErrorType, "Type"), (Field::ErrorMessage, "Message"), (Field::Fault, "Fault of the policy")];

#[derive(Template)]
#[template(path = "entry.html")]
struct Page {
    frame: Frame,
    row: Row,
    errors: Vec<Line>,
    sections: Vec<Section>,
    changes: Vec<Change>,
    details: Option<Shown>,
    payload: Payload,
}

struct Section {
    title: &'static str,
    lines: Vec<Line>,
}

struct Line {
    label: &'static str,
    value: Shown,
    /// Where the entries with the same value are.
    href: Option<String>,
}

struct Change {
    field: Shown,
    old: Shown,
    new: Shown,
}

/// What to show beside the entry itself.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    show: String,
}

/// The entry. Its payload is shown only when it is asked for, since reading it is an entry itself.
pub(super) async fn show(
    visitor: Visitor,
    id: Result<Path<String>, PathRejection>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    // An id that is no text is no entry's id.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    let (entry, payload) = visitor
        .ask(move |log, access| {
            access.require(Right::Read)?;
            let id = Uuid::try_parse(&id).map_err(|_| Problem::no_entry())?;
            let entry = log.reader(access).entry(id)?.ok_or_else(Problem::no_entry)?;
            let payload = payload::of(log, access, &entry, wanted.show == "payload")?;
            Ok((entry, payload))
        })
        .await?;
    Ok(draw(StatusCode::OK, &Page::new(&visitor, &entry, payload)))
}

impl Page {
    fn new(visitor: &Visitor, entry: &Entry, payload: Payload) -> Self {
        let row = Row::new(entry, visitor.site.log.now());
        let title =
            row.target.as_ref().map_or_else(|| row.method.to_string(), |target| format!("{} {target}", row.method));
        let base = &visitor.site.base;
        let section = |(title, fields): &(&'static str, &[(Field, &'static str)])| Section {
            title,
            lines: lines(visitor, entry, fields),
        };
        Self {
            frame: Frame::new(&visitor.site, Some(visitor), Here::Log, title),
            row,
            errors: ERRORS.iter().filter_map(|(field, label)| Line::new(base, base, entry, *field, label)).collect(),
            sections: SECTIONS.iter().map(section).filter(|section| !section.lines.is_empty()).collect(),
            changes: changes(entry),
            details: details(entry),
            payload,
        }
    }
}

fn lines(visitor: &Visitor, entry: &Entry, fields: &[(Field, &'static str)]) -> Vec<Line> {
    let (home, base) = (visitor.site.home(), &visitor.site.base);
    fields.iter().filter_map(|(field, label)| Line::new(home, base, entry, *field, label)).collect()
}

impl Line {
    fn new(home: &str, base: &str, entry: &Entry, field: Field, label: &'static str) -> Option<Self> {
        let value = match (field, field.kind()) {
            (Field::OccurredAt, _) => exact(entry.occurred_at),
            (Field::RecordedAt, _) => exact(entry.recorded_at),
            (Field::DurationUs, _) => duration(entry.duration_us?),
            (_, FieldType::Text) => entry.text(field)?.to_owned(),
            _ => Some(entry.value(field)).filter(|value| *value != crate::value::Value::Unset)?.to_string(),
        };
        let same = || format!("{home}{}", query([(field.name(), value.as_str())]));
        let href = match field {
            Field::Parent => Some(format!("{base}/entries/{value}")),
            // Fields that are cut in the log would not be found again by what is shown of them.
            _ => (search::FIELDS.contains(&field) && !value.ends_with('…')).then(same),
        };
        Some(Self { label, value: Shown::line(&value), href })
    }
}

fn changes(entry: &Entry) -> Vec<Change> {
    let list = entry.details.get("changes").and_then(Json::as_array);
    let change = |change: &Json| Change {
        field: value(&change["field"]),
        old: value(&change["old"]),
        new: value(&change["new"]),
    };
    list.into_iter().flatten().map(change).collect()
}

fn value(json: &Json) -> Shown {
    match json {
        Json::Null => Shown::line("not set"),
        Json::String(text) => Shown::line(text),
        other => Shown::line(&other.to_string()),
    }
}

/// What has no place of its own on the page, as JSON.
fn details(entry: &Entry) -> Option<Shown> {
    let mut rest = entry.details.clone();
    rest.shift_remove("changes");
    let text = serde_json::to_string_pretty(&rest).ok().filter(|_| !rest.is_empty())?;
    Some(Shown::lines(&text))
}
