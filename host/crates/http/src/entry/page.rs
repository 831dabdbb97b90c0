//! `/entries/{id}`: everything about one entry.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::{bytes, count, duration, exact};
use mcp_audit_log_model::value::Value;
use serde::Deserialize;
use uuid::Uuid;

use super::diff::Change;
use super::json::Tree;
use super::payload::{Payload, Text};
use super::proof::{Proof, Standing};
use super::related::Related;
use super::{diff, payload};
use crate::problem::Problem;
use crate::query::search;
use crate::query::search::query;
use crate::session::auth::Visitor;
use crate::ui::frame::Frame;
use crate::ui::labels::label;
use crate::ui::row::Row;
use crate::ui::text::Shown;
use crate::ui::{draw, frame};

/// The sections of the page, each with its fields in order. Every field is in one of them or in [`ERRORS`].
const SECTIONS: [(&str, &[Field]); 5] = [
    (
        "What",
        &[
            Field::Action,
            Field::Method,
            Field::Tool,
            Field::Prompt,
            Field::ResourceUri,
            Field::Server,
            Field::HttpMethod,
            Field::Path,
            Field::ProtocolVersion,
            Field::Outcome,
            Field::OutcomeDetail,
            Field::Policy,
            Field::StatusCode,
            Field::DurationUs,
            Field::RequestBytes,
            Field::ResponseBytes,
            Field::Channel,
            Field::Kind,
        ],
    ),
    (
        "Who",
        &[
            Field::User,
            Field::Connection,
            Field::Agent,
            Field::AgentInstance,
            Field::Instance,
            Field::ClientName,
            Field::ClientVersion,
            Field::Ip,
            Field::UserAgent,
            Field::Session,
        ],
    ),
    ("Affected", &[Field::Model, Field::RecordId, Field::ResourceType, Field::ResourceId, Field::ResourceName]),
    (
        "Usage",
        &[Field::Provider, Field::LlmModel, Field::ApiKey, Field::InputTokens, Field::OutputTokens, Field::CostMicros],
    ),
    (
        "Record",
        &[Field::OccurredAt, Field::RecordedAt, Field::Seq, Field::Id, Field::RequestId, Field::TraceId, Field::Parent],
    ),
];

/// In their own box, if there are any.
const ERRORS: [Field; 3] = [Field::ErrorType, Field::ErrorMessage, Field::Fault];

#[derive(Template)]
#[template(path = "entry.html")]
struct Page {
    frame: Frame,
    row: Row,
    errors: Vec<Line>,
    sections: Vec<Section>,
    changes: Vec<Change>,
    details: Option<Tree>,
    payload: Payload,
    proof: Option<Proof>,
    near: Related,
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

/// What to show beside the entry itself.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    show: String,
}

/// The entry. Its payload is shown only when it is asked for, since reading it is an entry itself.
pub(crate) async fn show(
    visitor: Visitor,
    id: Result<Path<String>, PathRejection>,
    Query(wanted): Query<Wanted>,
    uri: Uri,
) -> Result<Response, Problem> {
    let opens = wanted.show == "payload";
    if opens && visitor.may_be_sent_by_others() {
        let what = "This link opens the payload of an entry. The log records that you read it.";
        return Ok(frame::confirm(&visitor, &uri, what));
    }
    // An id that is no text is no entry's id.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    let site = visitor.site.clone();
    let seen = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        let id = Uuid::try_parse(&id).map_err(|_| Problem::no_entry())?;
        let entry = log.view().reader(access).entry(id)?.ok_or_else(Problem::no_entry)?;
        let payload = payload::of(log, access, &entry, opens)?;
        let near = Related::new(log, access, (site.home(), &site.base), &entry)?;
        let proof = Proof::new(log, access, &entry)?;
        Ok((entry, payload, near, proof))
    });
    let (entry, payload, near, proof) = seen.await?;
    Ok(draw(StatusCode::OK, &Page { payload, near, proof, ..Page::new(&visitor, &entry) }))
}

impl Page {
    fn new(visitor: &Visitor, entry: &Entry) -> Self {
        let row = Row::new(entry, visitor.site.log.view().now());
        let title =
            row.target.as_ref().map_or_else(|| row.method.to_string(), |target| format!("{} {target}", row.method));
        let section =
            |(title, fields): &(&'static str, &[Field])| Section { title, lines: lines(visitor, entry, fields) };
        Self {
            frame: Frame::new(&visitor.site, Some(visitor), "/", title),
            row,
            errors: lines(visitor, entry, &ERRORS),
            sections: SECTIONS.iter().map(section).filter(|section| !section.lines.is_empty()).collect(),
            changes: diff::all(entry),
            details: details(entry),
            payload: Payload::Closed,
            proof: None,
            near: Related::default(),
        }
    }
}

fn lines(visitor: &Visitor, entry: &Entry, fields: &[Field]) -> Vec<Line> {
    let (home, base) = (visitor.site.home(), &visitor.site.base);
    fields.iter().filter_map(|field| Line::new(home, base, entry, *field)).collect()
}

impl Line {
    fn new(home: &str, base: &str, entry: &Entry, field: Field) -> Option<Self> {
        let value = match (field, field.kind(), entry.value(field)) {
            (_, _, Value::Unset) => return None,
            (Field::OccurredAt, ..) => exact(entry.occurred_at),
            (Field::RecordedAt, ..) => exact(entry.recorded_at),
            (Field::DurationUs, ..) => duration(entry.duration_us?),
            (Field::RequestBytes, ..) => bytes(entry.request_bytes?),
            (Field::ResponseBytes, ..) => bytes(entry.response_bytes?),
            (Field::InputTokens, ..) => count(entry.input_tokens?),
            (Field::OutputTokens, ..) => count(entry.output_tokens?),
            (_, _, value) => value.to_string(),
        };
        let same = || format!("{home}{}", query([(field.name(), value.as_str())]));
        let href = match field {
            Field::Parent => Some(format!("{base}/entries/{value}")),
            // Fields that are cut in the log would not be found again by what is shown of them.
            _ => (search::FIELDS.contains(&field) && !value.ends_with('…')).then(same),
        };
        Some(Self {
            label: if field == Field::OccurredAt { "Occurred" } else { label(field) },
            value: Shown::line(&value),
            href,
        })
    }
}

/// Details without their own row on the page, as JSON.
fn details(entry: &Entry) -> Option<Tree> {
    let mut rest = entry.details.clone();
    rest.shift_remove("changes");
    let text = serde_json::to_string(&rest).ok().filter(|_| !rest.is_empty())?;
    Tree::new(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_in_exactly_one_section() {
        for field in Field::ALL {
            let places = SECTIONS.iter().flat_map(|(_, fields)| fields.iter()).chain(&ERRORS);
            assert_eq!(places.filter(|other| *other == field).count(), 1, "{field:?}");
        }
    }
}
