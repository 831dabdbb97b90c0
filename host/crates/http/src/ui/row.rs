//! One row of the list.

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::{duration, second};

use crate::query::columns::TARGETS;
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// The longest text in a row, in characters; the entry's page has the rest.
const LONGEST: usize = 200;

/// An entry as the list shows it.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) iso: String,
    pub(crate) ago: String,
    pub(crate) exact: String,
    /// The same, and in UTC.
    pub(crate) both: String,
    pub(crate) outcome: Outcome,
    pub(crate) detail: Option<Shown>,
    pub(crate) method: Shown,
    pub(crate) target: Option<Shown>,
    /// The field that the target is from.
    pub(crate) target_field: Option<Field>,
    pub(crate) user: Option<Shown>,
    pub(crate) duration: Option<String>,
}

impl Row {
    /// The row for `entry`, by the viewer's clock.
    pub(crate) fn new(entry: &Entry, clock: PageClock) -> Self {
        let text = |field: Field| entry.text(field).map(|text| Shown::cut(text, LONGEST));
        let target = target(entry);
        Self {
            id: entry.id.to_string(),
            iso: second(entry.occurred_at),
            ago: clock.ago(entry.occurred_at),
            exact: clock.exact(entry.occurred_at),
            both: clock.both(entry.occurred_at),
            outcome: entry.outcome(),
            detail: detail(entry),
            method: text(Field::Method).or_else(|| text(Field::Action)).unwrap_or_default(),
            target: target.map(|(_, text)| Shown::cut(text, LONGEST)),
            target_field: target.map(|(field, _)| field),
            user: text(Field::User),
            duration: entry.duration_us.map(duration),
        }
    }
}

/// The object of the method. The server is skipped, because the row already shows it.
fn target(entry: &Entry) -> Option<(Field, &str)> {
    let server = entry.text(Field::Server);
    TARGETS.into_iter().filter_map(|field| Some((field, entry.text(field)?))).find(|(_, text)| Some(*text) != server)
}

/// The detail that the outcome does not show: the status, or the exact outcome.
fn detail(entry: &Entry) -> Option<Shown> {
    let exact = entry.text(Field::OutcomeDetail).filter(|detail| !matches!(*detail, "ok" | "denied"));
    match (entry.status_code.filter(|status| *status >= 400), exact) {
        (Some(status), _) => Some(Shown::line(&status.to_string())),
        (None, exact) => exact.map(|detail| Shown::line(&detail.replace('-', " "))),
    }
}
