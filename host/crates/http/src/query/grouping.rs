//! Groups in a URL: the fields that a search is grouped by, and the links from a group to its entries.

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{Group, GroupBy, GroupSort, PageAnchor};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;
use serde_json::Value as Json;

use super::search::{Pairs, Search, query_of, short, single, values};
use super::{columns, counts};
use crate::problem::Problem;

/// The parameters besides those of the search.
pub(crate) const PARAMETERS: &[&str] = &["by", "sort", columns::PARAMETER, counts::PARAMETER];
/// Parameters that change only the presentation, not the search.
pub(crate) const SHOWING: &[&str] = &["by", "sort", "limit", "cursor", columns::PARAMETER, counts::PARAMETER];
/// Most levels of grouping.
pub(crate) const LEVELS: usize = 2;

/// The search, and the grouping.
#[derive(Debug)]
pub(crate) struct Grouping {
    pub(crate) domain: Domain,
    pub(crate) limit: usize,
    pub(crate) by: Vec<GroupBy>,
    pub(crate) sort: GroupSort,
}

impl Grouping {
    /// Reads the parameters.
    pub(crate) fn parse(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Self, Problem> {
        let Search { domain, limit, from } = Search::beside(PARAMETERS, pairs, log, access)?;
        columns::parse(pairs)?;
        counts::parse(pairs)?;
        if from != PageAnchor::Newest {
            let advice = "cursor: groups have no pages; leave it out, and raise limit for more groups.";
            return Err(Problem::parameter("cursor", advice));
        }
        Ok(Self { domain, limit, by: by(pairs)?, sort: sort(pairs)? })
    }

    /// Whether these parameters ask for groups at all.
    pub(crate) fn is_asked_for(pairs: &Pairs) -> bool {
        values(pairs, "by").next().is_some()
    }
}

/// The search of a list of entries; its address may have further parameters.
pub(crate) fn list(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Search, Problem> {
    columns::parse(pairs)?;
    counts::parse(pairs)?;
    sort(pairs)?;
    Search::beside(PARAMETERS, pairs, log, access)
}

/// The entries of a saved view, for this viewer; an error is a sentence.
pub(crate) fn of_view(pairs: &[(String, String)], log: &AuditLog, access: &Grant) -> Result<Domain, String> {
    let search = Search::beside(PARAMETERS, pairs, log, access);
    search.map(|search| search.domain).map_err(|problem| problem.detail().to_owned())
}

/// Refuses a search that the list could not show, as entries or as groups.
pub(crate) fn check(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<(), Problem> {
    match Grouping::is_asked_for(pairs) {
        true => Grouping::parse(pairs, log, access).map(drop),
        false => list(pairs, log, access).map(drop),
    }
}

/// The query that lists the entries of `group`, a result of the search `pairs`. `None` if no query can express it.
pub(crate) fn entries(pairs: &Pairs, by: &[GroupBy], group: &Group) -> Option<String> {
    let kept = pairs.iter().filter(|(name, value)| !SHOWING.contains(&name.as_str()) && !value.is_empty());
    let mut pairs: Pairs = kept.cloned().collect();
    for (by, key) in by.iter().zip(&group.keys) {
        narrow(&mut pairs, *by, key)?;
    }
    Some(query_of(&pairs))
}

/// Narrows a search to one value: with the parameter of its field if possible, otherwise with a domain.
pub(crate) fn narrow(pairs: &mut Pairs, by: GroupBy, key: &Value) -> Option<()> {
    match (by, key) {
        (GroupBy::Field(field), Value::Text(_) | Value::Integer(_)) if has_parameter(field, key) => {
            // The value of the group is one of those that an earlier condition on this field permits.
            pairs.retain(|(name, _)| name != field.name());
            pairs.push((field.name().to_owned(), key.to_string()));
            Some(())
        }
        (GroupBy::Day, Value::Text(day)) if !pairs.iter().any(|(name, _)| name == "from" || name == "to") => {
            // A day outside of the calendar has no query.
            Timestamp::parse(day)?;
            pairs.extend(["from", "to"].map(|name| (name.to_owned(), day.clone())));
            Some(())
        }
        (GroupBy::Day, key) => add(pairs, "occurred_at", key),
        // Odoo's spelling of "not set".
        (GroupBy::Field(field), Value::Unset) => add(pairs, field.name(), &Value::Boolean(false)),
        (GroupBy::Field(field), key) => add(pairs, field.name(), key),
    }
}

/// Whether a parameter can express it: an empty one has no effect.
fn has_parameter(field: Field, key: &Value) -> bool {
    field.has_parameter() && *key != "".into()
}

/// Adds a term to the search's domain: all terms of the list must hold.
fn add(pairs: &mut Pairs, field: &str, value: &Value) -> Option<()> {
    add_term(pairs, serde_json::json!([field, "=", value]))
}

/// Adds any term, in the JSON form, to the search's domain.
pub(crate) fn add_term(pairs: &mut Pairs, term: Json) -> Option<()> {
    let at = pairs.iter().position(|(name, _)| name == "domain");
    let mut terms: Vec<Json> = match at {
        Some(at) => serde_json::from_str(&pairs.remove(at).1).ok()?,
        None => Vec::new(),
    };
    terms.push(term);
    pairs.push(("domain".to_owned(), Json::Array(terms).to_string()));
    Some(())
}

fn by(pairs: &Pairs) -> Result<Vec<GroupBy>, Problem> {
    let mut levels = Vec::new();
    for name in values(pairs, "by") {
        let by = GroupBy::parse(name).ok_or_else(|| unknown("by", name, "not a field to group by", &names()))?;
        if levels.contains(&by) {
            return Err(Problem::parameter("by", format!("by: {by} is given twice; give it once.")));
        }
        levels.push(by);
    }
    match levels.len() {
        1..=LEVELS => Ok(levels),
        0 => Err(Problem::parameter("by", format!("by: required; use one of: {}.", names()))),
        _ => Err(Problem::parameter("by", format!("by: at most {LEVELS} levels are allowed; remove one."))),
    }
}

fn sort(pairs: &Pairs) -> Result<GroupSort, Problem> {
    let Some(name) = single(pairs, "sort")? else { return Ok(GroupSort::default()) };
    let known: Vec<_> = GroupSort::ALL.iter().map(|(name, _)| *name).collect();
    GroupSort::parse(name).ok_or_else(|| unknown("sort", name, "not a sort order", &known.join(", ")))
}

fn names() -> String {
    GroupBy::all().map(|by| by.to_string()).collect::<Vec<_>>().join(", ")
}

fn unknown(parameter: &str, name: &str, what: &str, known: &str) -> Problem {
    Problem::parameter(parameter, format!("{parameter}: {} is {what}; use one of: {known}.", short(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(pairs: &[(&str, &str)], by: &[GroupBy], keys: &[Value]) -> Option<String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let group = Group { keys: keys.to_vec(), count: 1, errors: 0, average_us: None, p95_us: None };
        entries(&pairs, by, &group)
    }

    #[test]
    fn a_groups_link_uses_the_simplest_query() {
        let (tool, fault) = (GroupBy::Field(Field::Tool), GroupBy::Field(Field::Fault));
        let asked = [("tool", "a"), ("tool", "b c"), ("by", "tool"), ("sort", "p95"), ("limit", "7"), ("cursor", "x")];
        assert_eq!(link(&asked, &[tool], &["b c".into()]).as_deref(), Some("?tool=b%20c"));
        assert_eq!(
            link(&[], &[GroupBy::Day], &["2026-02-28".into()]).as_deref(),
            Some("?from=2026-02-28&to=2026-02-28")
        );
        let domain = |text: &str| Some(format!("?domain={}", super::super::search::encode(text)));
        assert_eq!(link(&[], &[tool], &[Value::Unset]), domain(r#"[["tool","=",false]]"#));
        assert_eq!(link(&[], &[fault], &["http".into()]), domain(r#"[["fault","=","http"]]"#));
        let either = [("domain", r#"["|",["tool","=","a"],["tool","=",false]]"#)];
        let narrowed = domain(r#"["|",["tool","=","a"],["tool","=",false],["tool","=",false],["fault","=","http"]]"#);
        assert_eq!(link(&either, &[tool, fault], &[Value::Unset, "http".into()]), narrowed);
        let within = link(&[("from", "-1h")], &[GroupBy::Day], &["2026-02-28".into()]).expect("a query");
        assert!(within.starts_with("?from=-1h&domain="), "the part of the day that was asked for: {within}");
    }

    #[test]
    fn a_group_without_a_query_has_no_link() {
        assert_eq!(link(&[], &[GroupBy::Day], &["-0001-01-0".into()]), None);
    }
}
