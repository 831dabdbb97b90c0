//! `/entries/{id}`: everything about one entry.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_index::GroupBy;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;
use uuid::Uuid;

use super::compare::Comparison;
use super::diff::Change;
use super::json::Tree;
use super::payload::{Payload, Text};
use super::proof::{Proof, Standing};
use super::related::Related;
use super::why::Why;
use super::{diff, payload, why};
use crate::problem::Problem;
use crate::query::search::{Pairs, query, values};
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::timeline;
use crate::timeline::link::TimelineLink;
use crate::ui::frame::Frame;
use crate::ui::row::Row;
use crate::ui::text::Shown;
use crate::ui::{draw, frame};

/// The sections of the page. Errors are in their own box.
const SECTIONS: [(&str, field::Section); 5] = [
    ("What", field::Section::What),
    ("Who", field::Section::Who),
    ("Affected", field::Section::Affected),
    ("Usage", field::Section::Usage),
    ("Record", field::Section::Record),
];

#[derive(Template)]
#[template(path = "entry.html")]
struct Page {
    frame: Frame,
    row: Row,
    errors: Vec<Line>,
    sections: Vec<Section>,
    changes: Vec<Change>,
    comparison: Option<Comparison>,
    details: Option<Tree>,
    payload: Payload,
    why: Why,
    proof: Option<Proof>,
    near: Related,
    timelines: Vec<TimelineLink>,
    /// The page of the server whose tools the entry is about.
    server: Option<String>,
}

struct Section {
    title: &'static str,
    lines: Vec<Line>,
}

struct Line {
    label: &'static str,
    value: Shown,
    /// The searches for entries with the same value, and without it; and all entries, grouped by the field.
    href: Option<String>,
    not: Option<String>,
    groups: Option<String>,
}

/// The entry. Its payload is shown only on request, because each reading is an entry; and its explanation, because the
/// policy is asked for it.
pub(crate) async fn show(
    visitor: Visitor,
    id: Result<Path<String>, PathRejection>,
    Query(pairs): Query<Pairs>,
    uri: Uri,
) -> Result<Response, Problem> {
    let shows = |part| values(&pairs, "show").any(|shown| shown == part);
    let (opens, explains) = (shows("payload"), shows("why"));
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
        let comparison = Comparison::new(log, access, &site.base, &entry)?;
        let why = why::of(log, access, &entry, explains, &pairs)?;
        Ok((entry, comparison, payload, near, proof, why))
    });
    let (entry, comparison, payload, near, proof, why) = seen.await?;
    Ok(draw(StatusCode::OK, &Page { comparison, payload, near, proof, why, ..Page::new(&visitor, &entry) }))
}

impl Page {
    fn new(visitor: &Visitor, entry: &Entry) -> Self {
        let row = Row::new(entry, visitor.clock());
        let title =
            row.target.as_ref().map_or_else(|| row.method.to_string(), |target| format!("{} {target}", row.method));
        let section = |(title, section): &(&'static str, _)| Section { title, lines: lines(visitor, entry, *section) };
        Self {
            frame: Frame::new(&visitor.site, Some(visitor), "/", title),
            row,
            errors: lines(visitor, entry, field::Section::Errors),
            sections: SECTIONS.iter().map(section).filter(|section| !section.lines.is_empty()).collect(),
            changes: diff::all(entry),
            comparison: None,
            details: details(entry),
            payload: Payload::Closed,
            why: Why::Closed,
            proof: None,
            near: Related::default(),
            timelines: timeline::link::of_entry(&visitor.site.base, entry),
            server: server_page(visitor, entry),
        }
    }
}

fn lines(visitor: &Visitor, entry: &Entry, section: field::Section) -> Vec<Line> {
    let (home, base) = (visitor.site.home(), &visitor.site.base);
    let fields = Field::ALL.iter().filter(|field| field.section() == section);
    fields.filter_map(|field| Line::new(home, base, entry, *field, visitor.clock())).collect()
}

impl Line {
    fn new(home: &str, base: &str, entry: &Entry, field: Field, clock: PageClock) -> Option<Self> {
        let value = match (field, entry.value(field)) {
            (_, Value::Unset) => return None,
            (Field::OccurredAt, _) => clock.both(entry.occurred_at),
            (Field::RecordedAt, _) => clock.both(entry.recorded_at),
            (_, Value::Integer(number)) => format::number(field.unit(), number),
            (_, value) => value.to_string(),
        };
        let same = || format!("{home}{}", query([(field.name(), value.as_str())]));
        let href = match field {
            Field::Parent => Some(format!("{base}/entries/{value}")),
            // Fields that are cut in the log would not be found again by what is shown of them.
            _ => (field.has_parameter() && !value.ends_with('…')).then(same),
        };
        let is_searched = href.is_some() && field != Field::Parent;
        let term = || serde_json::json!([[field.name(), "!=", value]]).to_string();
        let groups =
            GroupBy::parse(field.name()).map(|by| format!("{home}{}", query([("by", by.to_string().as_str())])));
        Some(Self {
            not: is_searched.then(|| format!("{home}{}", query([("domain", term().as_str())]))),
            groups: groups.filter(|_| is_searched),
            label: if field == Field::OccurredAt { "Occurred" } else { field.label() },
            value: Shown::line(&value),
            href,
        })
    }
}

/// The page of the server of an entry about listings or definitions of tools.
fn server_page(visitor: &Visitor, entry: &Entry) -> Option<String> {
    let action = entry.text(Field::Action)?;
    let is_about = action == "tool.listed" || action.starts_with("tool.definition");
    let server = entry.text(Field::Server).filter(|_| is_about && AuditLog::may_see_tools(&visitor.access))?;
    Some(format!("{}/servers{}", visitor.site.base, query([("server", server)])))
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
            let sections = SECTIONS.map(|(_, section)| section).into_iter().chain([field::Section::Errors]);
            assert_eq!(sections.filter(|section| *section == field.section()).count(), 1, "{field:?}");
        }
    }
}
