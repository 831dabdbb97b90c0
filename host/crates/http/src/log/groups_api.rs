//! `GET /api/v1/groups`: the entries of a search as groups, each with the query that lists it.

use axum::Json;
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_index::GroupBy;
use mcp_audit_log_service::AuditLog;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Map;

use crate::problem::Problem;
use crate::query::extractor::ParsedQuery;
use crate::query::grouping::Grouping;
use crate::query::search::Pairs;
use crate::query::{grouping, usage_query};
use crate::session::auth::Visitor;

/// The groups.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    /// The total number of groups.
    found: usize,
    /// The total number of entries in all groups.
    entries: u64,
    /// The query string of `/api/v1/usage` for the same search, `?` included.
    usage: String,
}

/// A group.
#[derive(Serialize, JsonSchema)]
struct Group {
    /// Its value at each level, by the level's name; null if the entries have none.
    keys: Map<String, serde_json::Value>,
    count: u64,
    /// The number of entries that are not a success.
    errors: u64,
    average_us: Option<u64>,
    p95_us: Option<u64>,
    /// The query string of `/api/v1/entries` to list its entries, `?` included.
    query: Option<String>,
}

/// The parameters are those of [`Grouping`].
pub(crate) async fn list(visitor: Visitor, asked: ParsedQuery<Grouping>) -> Result<Json<Groups>, Problem> {
    visitor.search(move |log, access| groups(&asked.pairs, log, access)).await.map(Json)
}

/// The groups that these parameters ask for.
pub(crate) fn groups(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Groups, Problem> {
    access.require(Right::Read)?;
    let Grouping { domain, limit, by, sort } = Grouping::parse(pairs, log, access)?;
    let found = log.view().reader(access).groups(domain, &by, sort, limit)?;
    let groups = found.groups.iter().map(|group| Group::new(pairs, &by, group)).collect();
    Ok(Groups { groups, found: found.found, entries: found.entries, usage: usage_query::back(pairs) })
}

impl Group {
    fn new(pairs: &Pairs, by: &[GroupBy], group: &mcp_audit_log_index::Group) -> Self {
        let keys = by.iter().zip(&group.keys).map(|(by, key)| (by.to_string(), key.to_json()));
        Self {
            keys: keys.collect(),
            count: group.count,
            errors: group.errors,
            average_us: group.average_us,
            p95_us: group.p95_us,
            query: grouping::entries(pairs, by, group),
        }
    }
}
