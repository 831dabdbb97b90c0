//! Usage in a URL: the parameters of a usage query, and the links between usage and entries.

use std::ops::Range;

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{
    GroupBy, PageAnchor, REQUESTS, USAGE_FIELDS, UsageBy, UsageQuery, UsageSort, UsageStep, usage_range,
};
use mcp_audit_log_model::event::{Kind, Outcome};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;
use serde_json::{Value as Json, json};

use super::grouping;
use super::grouping::SHOWING;
use super::search::{Pairs, Search, query_of, short, single, values};
use crate::problem::Problem;

/// The parameters besides those of the search.
pub(crate) const PARAMETERS: &[&str] = &["range", "step", "by", "sort", "compare", "durations", "format"];
/// Named ranges, and their lengths.
pub(crate) const RANGES: &[(&str, i64)] =
    &[("24h", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY), ("90d", 90 * DAY), ("365d", 365 * DAY)];
/// The ranges that a range can be compared with.
pub(crate) const COMPARISONS: &[&str] = &["previous"];
/// What is counted of durations besides averages and quantiles.
pub(crate) const DURATIONS: &[&str] = &["counts"];
/// The formats of the answer.
pub(crate) const FORMATS: &[&str] = &["json", "csv"];

/// The parameters of a usage query, and the format of the answer.
#[derive(Debug)]
pub(crate) struct UsageParameters {
    pub(crate) query: UsageQuery,
    pub(crate) csv: bool,
}

impl UsageParameters {
    /// Reads the parameters.
    pub(crate) fn parse(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Self, Problem> {
        let Search { domain, limit, from } = Search::beside(PARAMETERS, pairs, log, access)?;
        if from != PageAnchor::Newest {
            return Err(Problem::parameter("cursor", "cursor: usage has no pages; leave it out."));
        }
        let (range, domain) = usage_range(preset(pairs, log.view().now())?.and(domain), log.view().now())
            .map_err(|error| Problem::parameter("from", format!("from: {error}.")))?;
        let words = |name, known: &[&'static str]| word(pairs, name, known);
        let step = words("step", &names(UsageStep::ALL, UsageStep::as_str))?.and_then(UsageStep::parse);
        let sort = words("sort", &names(UsageSort::ALL, UsageSort::as_str))?.and_then(UsageSort::parse);
        let (by, csv) = (by(pairs)?, words("format", FORMATS)? == Some("csv"));
        if csv && by.len() > 1 {
            return Err(Problem::parameter("by", "by: a CSV table holds one breakdown; request each separately."));
        }
        let previous = words("compare", COMPARISONS)?.is_some();
        if csv && previous {
            let detail = "compare: a CSV table holds one range; request the previous period with from and to.";
            return Err(Problem::parameter("compare", detail));
        }
        let durations = words("durations", DURATIONS)?.is_some();
        if csv && durations {
            let detail = "durations: a CSV table has no counts by duration; request them as JSON.";
            return Err(Problem::parameter("durations", detail));
        }
        let sort = sort.unwrap_or_default();
        let query = UsageQuery { domain, step, by, sort, limit, previous, durations, ..UsageQuery::over(range) };
        Ok(Self { query, csv })
    }
}

/// A named range that ends now.
fn preset(pairs: &Pairs, now: Timestamp) -> Result<Domain, Problem> {
    let names: Vec<_> = RANGES.iter().map(|(name, _)| *name).collect();
    let Some(name) = word(pairs, "range", &names)? else { return Ok(Domain::TRUE) };
    if values(pairs, "from").chain(values(pairs, "to")).next().is_some() {
        return Err(Problem::parameter("range", "range: give either range, or from and to."));
    }
    let length = RANGES.iter().find(|(other, _)| *other == name).map_or(DAY, |(_, length)| *length);
    Ok(Domain::since(now.plus(-length)))
}

fn by(pairs: &Pairs) -> Result<Vec<UsageBy>, Problem> {
    let mut by: Vec<UsageBy> = Vec::new();
    for name in values(pairs, "by") {
        let table = UsageBy::parse(name).ok_or_else(|| match name {
            "model" => Problem::parameter("by", "by: model is the business model of a record, which usage does not keep. Use llm_model for language models."),
            _ if name.contains(',') => {
                let names = USAGE_FIELDS.map(Field::name).join(", ");
                let detail = format!("by: {} is not a pair of two fields; use two of: {names}.", short(name));
                Problem::parameter("by", detail)
            }
            _ => unknown("by", name, &USAGE_FIELDS.map(Field::name)),
        })?;
        if by.contains(&table) {
            return Err(Problem::parameter("by", format!("by: {name} is given twice; give it once.")));
        }
        // Most pairs are counted from the entries.
        if table.second.is_some() && by.iter().any(|other| other.second.is_some()) {
            return Err(Problem::parameter(
                "by",
                "by: one table by two fields at a time; request the others separately.",
            ));
        }
        by.push(table);
    }
    Ok(by)
}

/// One of the known values.
fn word<'a>(pairs: &'a Pairs, name: &str, known: &[&'static str]) -> Result<Option<&'a str>, Problem> {
    let given = single(pairs, name)?;
    given.map_or(Ok(None), |word| if known.contains(&word) { Ok(Some(word)) } else { Err(unknown(name, word, known)) })
}

fn unknown(parameter: &str, word: &str, known: &[&'static str]) -> Problem {
    let detail = format!("{parameter}: unknown value {}; use one of: {}.", short(word), known.join(", "));
    Problem::parameter(parameter, detail)
}

pub(crate) fn names<T: Copy>(words: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    words.iter().map(|word| name(*word)).collect()
}

/// The search of these parameters, without the parameters of the usage page and without its range.
fn search(pairs: &Pairs) -> Pairs {
    let other = |name: &str| PARAMETERS.contains(&name) || SHOWING.contains(&name) || ["from", "to"].contains(&name);
    pairs.iter().filter(|(name, value)| !other(name) && !value.is_empty()).cloned().collect()
}

/// The terms that select the requests that usage counts: those that have ended.
fn requests() -> [Json; 2] {
    [json!(["kind", "in", REQUESTS.map(Kind::as_str)]), json!(["outcome", "!=", Outcome::Pending.as_str()])]
}

/// The term that selects failed requests.
pub(crate) fn failed() -> Json {
    json!(["outcome", "in", Outcome::FAILED.map(Outcome::as_str)])
}

/// The query that lists the counted requests: those of the search `pairs` in this range, with these values of fields and
/// one more term. `None` if no query can express it.
pub(crate) fn entries(
    pairs: &Pairs,
    range: &Range<Timestamp>,
    of: &[(Field, &Value)],
    term: Option<Json>,
) -> Option<String> {
    narrowed(pairs, range, of, requests().into_iter().chain(term))
}

/// The query that breaks usage down to these values of fields, in the same range.
pub(crate) fn down(pairs: &Pairs, range: &Range<Timestamp>, of: &[(Field, &Value)]) -> Option<String> {
    narrowed(pairs, range, of, [])
}

fn narrowed(
    pairs: &Pairs,
    range: &Range<Timestamp>,
    of: &[(Field, &Value)],
    terms: impl IntoIterator<Item = Json>,
) -> Option<String> {
    let mut pairs = search(pairs);
    for (field, value) in of {
        grouping::narrow(&mut pairs, GroupBy::Field(*field), value)?;
    }
    for term in terms {
        grouping::add_term(&mut pairs, term)?;
    }
    let written = |at: Timestamp| TimeZone::UTC.written(at);
    pairs.extend([("from".to_owned(), written(range.start)), ("to".to_owned(), written(range.end))]);
    Some(query_of(&pairs))
}

/// The query for the usage of a list or of groups with the search `pairs`.
pub(crate) fn back(pairs: &Pairs) -> String {
    let range = pairs.iter().filter(|(name, _)| ["from", "to"].contains(&name.as_str())).cloned();
    let by = values(pairs, "by").filter(|name| USAGE_FIELDS.iter().any(|field| field.name() == *name));
    let by = by.map(|name| ("by".to_owned(), name.to_owned()));
    let kept = search(pairs).into_iter().filter_map(without_requests);
    query_of(&kept.chain(range).chain(by).collect::<Pairs>())
}

/// A parameter without the terms that a link from usage added. They do not change usage, but would make it read
/// entries.
fn without_requests((name, value): (String, String)) -> Option<(String, String)> {
    let terms = (name == "domain").then(|| serde_json::from_str::<Vec<Json>>(&value).ok()).flatten();
    let Some(terms) = terms else { return Some((name, value)) };
    // After an operator it is an operand.
    let (ours, plain) = (requests(), terms.iter().all(Json::is_array));
    if !plain || !ours.iter().any(|ours| terms.contains(ours)) {
        return Some((name, value));
    }
    let terms: Vec<_> = terms.into_iter().filter(|term| !ours.contains(term)).collect();
    (!terms.is_empty()).then(|| (name, Json::Array(terms).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_figures_link_lists_its_entries_and_back() {
        let range = Timestamp::EPOCH..Timestamp::EPOCH.plus(DAY);
        let asked = pairs(&[("tool", "a b"), ("range", "7d"), ("by", "user"), ("sort", "cost"), ("limit", "7")]);
        let time = "from=1970-01-01T00%3A00%3A00Z&to=1970-01-02T00%3A00%3A00Z";
        let kinds = "domain=%5B%5B%22kind%22%2C%22in%22%2C%5B%22request%22%2C%22http%22%5D%5D%2C%5B%22outcome%22%2C%22%21%3D%22%2C%22pending%22%5D%5D";
        assert_eq!(entries(&asked, &range, &[], None), Some(format!("?tool=a%20b&{kinds}&{time}")));
        let name = "ada".into();
        let ada = [(Field::User, &name)];
        assert_eq!(entries(&asked, &range, &ada, None), Some(format!("?tool=a%20b&user=ada&{kinds}&{time}")));
        let errors = entries(&asked, &range, &[], Some(failed())).expect("a query");
        assert!(errors.contains("%5B%22outcome%22%2C%22in%22%2C%5B%22error%22%2C%22denied%22%5D%5D"), "{errors}");
        assert_eq!(down(&asked, &range, &ada), Some(format!("?tool=a%20b&user=ada&{time}")));
        let listed = pairs(&[("tool", "x"), ("from", "-7d"), ("by", "day"), ("by", "user"), ("cursor", "c")]);
        assert_eq!(back(&listed), "?tool=x&from=-7d&by=user");
        let there = super::super::search::pairs(&entries(&asked, &range, &ada, None).expect("a query")).expect("pairs");
        assert_eq!(back(&there), format!("?tool=a%20b&user=ada&{time}"), "there and back again");
        let either = r#"["|",["kind","in",["request","http"]],["tool","=","x"]]"#;
        assert!(back(&pairs(&[("domain", either)])).contains("kind"), "an operand stays");
    }
}
