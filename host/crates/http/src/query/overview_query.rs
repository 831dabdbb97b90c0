//! The overview of a search in a URL: its parameters, and the links from a bar or a value to its entries.

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{GroupBy, PageAnchor, TimeBar};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;

use super::grouping::PARAMETERS;
use super::search::{Pairs, Search, query_of};
use super::{columns, counts, grouping};
use crate::problem::Problem;

/// The fields whose values are counted.
pub(crate) const FIELDS: [Field; 5] = [Field::Outcome, Field::Server, Field::Tool, Field::User, Field::Connection];

/// The parameters of an overview.
#[derive(Debug)]
pub(crate) struct OverviewParameters {
    pub(crate) domain: Domain,
    /// The most values of each field.
    pub(crate) values: usize,
    /// Whether the page counts values.
    pub(crate) counts: bool,
}

impl OverviewParameters {
    /// Reads the parameters of the API.
    pub(crate) fn parse(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Self, Problem> {
        columns::parse(pairs)?;
        let more = [columns::PARAMETER, counts::PARAMETER];
        let Search { domain, limit, from } = Search::beside(&more, pairs, log, access)?;
        if from != PageAnchor::Newest {
            return Err(Problem::parameter("cursor", "cursor: the overview has no pages; leave it out."));
        }
        Ok(Self { domain, values: limit, counts: counts::parse(pairs)? })
    }

    /// Reads those of the page, which may list entries or groups.
    pub(crate) fn of_page(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Self, Problem> {
        let Search { domain, limit, .. } = Search::beside(PARAMETERS, pairs, log, access)?;
        Ok(Self { domain, values: limit, counts: counts::parse(pairs)? })
    }
}

/// The query that lists the entries of a bar: the search with another range.
pub(crate) fn in_bar(pairs: &Pairs, bar: &TimeBar, zone: TimeZone) -> String {
    let search = kept(pairs).filter(|(name, _)| name != "from" && name != "to");
    let range =
        [("from", bar.range.start), ("to", bar.range.end)].map(|(name, at)| (name.to_owned(), zone.written(at)));
    query_of(&search.chain(range).collect::<Pairs>())
}

/// The query that lists the entries with this value; `None` if no query can express it.
pub(crate) fn with_value(pairs: &Pairs, field: Field, value: &Value) -> Option<String> {
    let mut search: Pairs = kept(pairs).collect();
    grouping::narrow(&mut search, GroupBy::Field(field), value)?;
    Some(query_of(&search))
}

/// The query that lists the entries without this value; `None` if no query can express it.
pub(crate) fn without_value(pairs: &Pairs, field: Field, value: &Value) -> Option<String> {
    let mut search: Pairs = kept(pairs).collect();
    grouping::add_term(&mut search, serde_json::json!([field.name(), "!=", value]))?;
    Some(query_of(&search))
}

/// The parameters without the page and without empty ones.
fn kept(pairs: &Pairs) -> impl Iterator<Item = (String, String)> {
    pairs.iter().filter(|(name, value)| name != "cursor" && !value.is_empty()).cloned()
}
