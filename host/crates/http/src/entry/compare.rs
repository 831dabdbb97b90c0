//! A failed call beside the last success of the same tool before it, with what differs. The success comes from a usual
//! search, so the viewer may see it.

use std::collections::BTreeSet;

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;

use super::diff::{Change, told};
use super::related::Neighbour;
use crate::problem::Problem;
use crate::session::page_clock::PageClock;

/// Fields that differ between any two calls, or between any failure and any success.
const EXPECTED: [Field; 12] = [
    Field::Seq,
    Field::Id,
    Field::OccurredAt,
    Field::RecordedAt,
    Field::Outcome,
    Field::OutcomeDetail,
    Field::Session,
    Field::RequestId,
    Field::TraceId,
    Field::Parent,
    Field::ErrorType,
    Field::ErrorMessage,
];

/// The comparison of a failed call.
pub(crate) struct Comparison {
    /// The last success; `None` if there is none that the viewer may see.
    pub(crate) success: Option<Neighbour>,
    /// What differs: of the success, and of the failed call.
    pub(crate) changes: Vec<Change>,
}

impl Comparison {
    /// The comparison of `entry`, if it is a failed call of a tool.
    pub(crate) fn new(log: &AuditLog, access: &Grant, base: &str, entry: &Entry) -> Result<Option<Self>, Problem> {
        let Some(tool) = entry.text(Field::Tool).filter(|_| Outcome::FAILED.contains(&entry.outcome())) else {
            return Ok(None);
        };
        let server = entry.text(Field::Server).map(|server| Domain::equals(Field::Server, server));
        let same = Domain::equals(Field::Tool, tool).and(server.unwrap_or(Domain::TRUE));
        let succeeded = same.and(Domain::equals(Field::Outcome, Outcome::Success.as_str()));
        let (view, before) = (log.view(), PageAnchor::Before(entry.seq));
        let success = view.reader(access).page(succeeded, before, 1)?.entries.into_iter().next();
        let changes = success.as_ref().map(|success| changes(success, entry)).unwrap_or_default();
        let success = success.map(|success| Neighbour::new(base, &success, PageClock::new(view.now(), access)));
        Ok(Some(Self { success, changes }))
    }
}

fn changes(success: &Entry, failed: &Entry) -> Vec<Change> {
    let fields = Field::ALL.iter().filter(|field| !EXPECTED.contains(field));
    let fields = fields.map(|field| (field.label(), shown(success, *field), shown(failed, *field)));
    let names: BTreeSet<_> = success.details.keys().chain(failed.details.keys()).collect();
    let detail = |entry: &Entry, name: &str| entry.details.get(name).and_then(told);
    let details = names.iter().map(|name| (name.as_str(), detail(success, name), detail(failed, name)));
    let differ = fields.chain(details).filter(|(_, old, new)| old != new);
    differ.map(|(name, old, new)| Change::of(name, old, new)).collect()
}

fn shown(entry: &Entry, field: Field) -> Option<String> {
    match entry.value(field) {
        Value::Unset => None,
        Value::Integer(number) => Some(format::number(field.unit(), number)),
        value => Some(value.to_string()),
    }
}
