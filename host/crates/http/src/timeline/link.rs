//! The values whose entries belong together, and the links to their timelines.

use mcp_audit_log_filter::{Context, Domain, Term, Test, parse_text};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;

use crate::query::search::{Pairs, query, values};

/// The fields that connect entries, the closest first, with their names on the page.
pub(crate) const THREADS: [(Field, &str); 4] = [
    (Field::Session, "session"),
    (Field::AgentInstance, "agent run"),
    (Field::TraceId, "trace"),
    (Field::Connection, "connection"),
];

/// A link to a timeline.
pub(crate) struct TimelineLink {
    pub(crate) label: &'static str,
    pub(crate) href: String,
}

/// The timelines that an entry is part of, at its place.
pub(crate) fn of_entry(base: &str, entry: &Entry) -> Vec<TimelineLink> {
    let id = entry.id.to_string();
    let link = |(field, label): (Field, &'static str)| {
        let value = entry.text(field)?;
        let query = query([(field.name(), value), ("entry", id.as_str())]);
        Some(TimelineLink { label, href: format!("{base}/timeline{query}#here") })
    };
    THREADS.into_iter().filter_map(link).collect()
}

/// The timeline of the one session, agent run, trace or connection that a search is limited to.
pub(crate) fn of_search(base: &str, pairs: &Pairs, context: &Context<'_>) -> Option<TimelineLink> {
    let typed = values(pairs, "q").next().and_then(|text| parse_text(text, context).ok());
    THREADS.into_iter().find_map(|(field, label)| {
        let mut chosen = values(pairs, field.name());
        let value = match (chosen.next(), chosen.next()) {
            (Some(value), None) => value.to_owned(),
            (None, _) => required(typed.as_ref()?, field)?,
            _ => return None,
        };
        Some(TimelineLink { label, href: format!("{base}/timeline{}", query([(field.name(), value.as_str())])) })
    })
}

/// The one value of `field` that a filter requires.
fn required(domain: &Domain, field: Field) -> Option<String> {
    match domain {
        Domain::All(parts) => parts.iter().find_map(|part| required(part, field)),
        Domain::Term(Term { field: of, test: Test::In(values) }) if *of == field => match values.as_slice() {
            [Value::Text(value)] => Some(value.clone()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::time::Timestamp;

    #[test]
    fn a_search_for_one_session_has_a_timeline() {
        let link = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            of_search("/audit", &pairs, &Context::without_viewer(Timestamp::EPOCH)).map(|link| link.href)
        };
        let session = Some("/audit/timeline?session=s%201".to_owned());
        assert_eq!(link(&[("session", "s 1"), ("outcome", "error"), ("connection", "x")]), session);
        assert_eq!(link(&[("q", "session:\"s 1\" outcome:error")]), session);
        assert_eq!(link(&[("connection", "x")]), Some("/audit/timeline?connection=x".to_owned()));
        for other in [&[("session", "a"), ("session", "b")][..], &[("q", "session:a OR user:b")], &[("tool", "a")], &[]]
        {
            assert_eq!(link(other), None, "{other:?}");
        }
    }
}
