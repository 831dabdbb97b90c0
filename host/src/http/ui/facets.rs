//! The parts of a search as chips that can be removed one by one, each with its interpretation.

use super::labels::label;
use super::reading;
use super::text::{Shown, moment};
use crate::domain::{Context, Domain, Test, parse_json, parse_text};
use crate::field::Field;
use crate::http::grouping::SHOWING;
use crate::http::search::{FIELDS, Pairs, query};
use crate::time::Timestamp;
use crate::value::Value;

/// The longest title of a page, in characters.
const TITLE: usize = 80;

/// A condition of the search.
pub(super) struct Facet {
    pub(super) label: &'static str,
    pub(super) value: Shown,
    /// Its interpretation, where it adds something.
    pub(super) reading: Option<String>,
    /// The search without it.
    pub(super) without: String,
}

/// The conditions of the search `pairs`; quick filters have chips of their own.
pub(super) fn all(home: &str, pairs: &Pairs, context: &Context<'_>) -> Vec<Facet> {
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

/// What the page is called, in a bookmark too.
pub(super) fn title(facets: &[Facet]) -> String {
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
        name => FIELDS.iter().find(|field| field.name() == name).map(|field| label(*field)),
    }
}

fn read(name: &str, value: &str, context: &Context<'_>) -> Option<String> {
    let read = match name {
        "q" => parse_text(value, context).ok().map(|domain| reading::words(&domain)),
        "domain" => parse_json(value, context).ok().map(|domain| reading::words(&domain)),
        "from" => bound(value, ">=", context),
        "to" => bound(value, "<", context),
        _ => None,
    };
    read.filter(|read| read != value)
}

/// The moment that a bound of time means.
fn bound(text: &str, comparison: &str, context: &Context<'_>) -> Option<String> {
    let term = serde_json::json!([[Field::OccurredAt.name(), comparison, text.trim()]]);
    match parse_json(&term.to_string(), context).ok()? {
        Domain::Term(term) => match term.test {
            Test::Less(Value::Integer(micros)) | Test::AtLeast(Value::Integer(micros)) => {
                Some(moment(Timestamp::from_micros(micros)))
            }
            _ => None,
        },
        _ => None,
    }
}
