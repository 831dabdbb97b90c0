//! The parts of a search above the list: chips that can be removed one by one, and the
//! policy's quick filters.

use mcp_audit_log_filter::{Context, Domain, Test, parse_json, parse_text, until};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;

use super::filter_sentence;
use crate::query::grouping::SHOWING;
use crate::query::search::{Pairs, query, values};
use crate::ui::text::Shown;

/// The longest title of a page, in characters.
const TITLE: usize = 80;

/// A condition of the search.
pub(crate) struct Facet {
    pub(crate) label: &'static str,
    pub(crate) value: Shown,
    /// Its interpretation, if that adds information.
    pub(crate) reading: Option<String>,
    /// The search without it.
    pub(crate) without: String,
}

/// The conditions of the search `pairs`; quick filters have chips of their own.
pub(crate) fn all(home: &str, pairs: &Pairs, context: &Context<'_>) -> Vec<Facet> {
    let facet = |at: usize| {
        let (name, value) = &pairs[at];
        let label = named(name)?;
        let rest = pairs.iter().enumerate().filter(|(other, (name, _))| *other != at && name != "cursor");
        let rest = rest.map(|(_, (name, value))| (name.as_str(), value.as_str()));
        Some(Facet {
            label,
            value: Shown::line(value),
            reading: read(name, value, context),
            without: format!("{home}{}", query(rest)),
        })
    };
    (0..pairs.len()).filter(|at| !pairs[*at].1.is_empty()).filter_map(facet).collect()
}

/// The title of the page, also used for bookmarks.
pub(crate) fn title(facets: &[Facet]) -> String {
    let conditions: Vec<_> = facets.iter().map(|facet| format!("{} {}", facet.label, facet.value)).collect();
    let text = if conditions.is_empty() { "Log".to_owned() } else { format!("Log: {}", conditions.join(", ")) };
    Shown::cut(&text, TITLE).to_string()
}

fn named(name: &str) -> Option<&'static str> {
    match name {
        "q" => Some("Search"),
        "from" => Some("From"),
        "to" => Some("Until"),
        "domain" => Some("Domain"),
        name if SHOWING.contains(&name) => None,
        name => Field::named(name).filter(|field| field.has_parameter()).map(Field::label),
    }
}

fn read(name: &str, value: &str, context: &Context<'_>) -> Option<String> {
    let read = match name {
        "q" => parse_text(value, context).ok().map(|domain| filter_sentence::words(&domain, context.zone())),
        "domain" => parse_json(value, context).ok().map(|domain| filter_sentence::words(&domain, context.zone())),
        "from" => bound(value, ">=", context).map(|at| context.zone().moment(at)),
        "to" => bound(value, until(value.trim()).as_str(), context).map(|at| context.zone().until(at)),
        _ => None,
    };
    read.filter(|read| read != value)
}

/// The moment that a time bound means.
fn bound(text: &str, comparison: &str, context: &Context<'_>) -> Option<Timestamp> {
    let term = serde_json::json!([[Field::OccurredAt.name(), comparison, text.trim()]]);
    match parse_json(&term.to_string(), context).ok()? {
        Domain::Term(term) => match term.test {
            Test::Less(Value::Integer(micros)) | Test::AtLeast(Value::Integer(micros)) => {
                Some(Timestamp::from_micros(micros))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A quick filter.
pub(crate) struct Chip {
    pub(crate) label: String,
    pub(crate) href: String,
    pub(crate) on: bool,
}

/// All quick filters, for the search `pairs`.
pub(crate) fn quick_filters(log: &AuditLog, home: &str, pairs: &Pairs) -> Vec<Chip> {
    let chip = |name: &str, label: &str| {
        let on = values(pairs, "filter").any(|value| value == name);
        let others = pairs.iter().filter(|(key, value)| key != "cursor" && !(key == "filter" && value == name));
        let others = others.map(|(key, value)| (key.as_str(), value.as_str()));
        let this = (!on).then_some(("filter", name));
        Chip { label: label.to_owned(), href: format!("{home}{}", query(others.chain(this))), on }
    };
    log.view().manifest().filters.iter().map(|filter| chip(&filter.name, &filter.label)).collect()
}
