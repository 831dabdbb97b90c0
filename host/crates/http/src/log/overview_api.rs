//! `GET /api/v1/overview`: how many entries a search finds, over time and by their most frequent values, each with the
//! query that lists them.

use std::time::Duration;

use axum::Json;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_index::{FieldCounts, TimeBar};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;
use crate::query::extractor::ParsedQuery;
use crate::query::grouping::SHOWING;
use crate::query::overview_query::{FIELDS, OverviewParameters, in_bar, with_value};
use crate::query::search::Pairs;
use crate::session::auth::Visitor;

/// The overview.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Overview {
    /// The number of entries that match.
    entries: u64,
    /// The number of entries that are not a success.
    errors: u64,
    /// The usual length of a bar in microseconds; the first and the last one may be shorter, and bars over a change of
    /// the clocks differ.
    step_us: i64,
    /// At most 60 bars, without a gap between them; none if nothing matches.
    bars: Vec<Bar>,
    /// The most frequent values of outcome, server, tool, user and connection.
    values: Vec<Field>,
}

/// The entries that began in a range of time.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OverviewBar")]
struct Bar {
    from: Timestamp,
    /// The end, which does not belong to the bar.
    to: Timestamp,
    entries: u64,
    errors: u64,
    /// The query string of `/api/v1/entries` to list its entries, `?` included.
    query: String,
}

/// A field with its values.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OverviewField")]
struct Field {
    field: &'static str,
    /// The number of different values, also of those that are not listed.
    found: usize,
    /// The most frequent values.
    values: Vec<Count>,
}

/// A value with its number of entries.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OverviewValue")]
struct Count {
    value: Value,
    count: u64,
    /// The query string of `/api/v1/entries` to list its entries, `?` included.
    query: Option<String>,
}

/// The parameters are those of [`OverviewParameters`].
pub(crate) async fn show(visitor: Visitor, asked: ParsedQuery<OverviewParameters>) -> Result<Json<Overview>, Problem> {
    let pairs = asked.pairs;
    // A link lists entries as the API does by default.
    let selects = |(name, _): &&(String, String)| !SHOWING.contains(&name.as_str());
    let overview = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        let OverviewParameters { domain, values, .. } = OverviewParameters::parse(&pairs, log, access)?;
        // The deadline of every search applies.
        let found = log.view().reader(access).overview(domain, &FIELDS, values, Duration::MAX)?;
        let found = found.ok_or_else(Problem::too_many_searches)?;
        let pairs: Pairs = pairs.iter().filter(selects).cloned().collect();
        Ok(Overview {
            entries: found.entries,
            errors: found.errors,
            step_us: found.step_us,
            bars: found.bars.iter().map(|bar| Bar::new(&pairs, bar, access.zone())).collect(),
            values: found.values.iter().flatten().map(|field| Field::new(&pairs, field)).collect(),
        })
    });
    overview.await.map(Json)
}

impl Bar {
    fn new(pairs: &Pairs, bar: &TimeBar, zone: TimeZone) -> Self {
        let TimeBar { range, entries, errors } = bar;
        Self { from: range.start, to: range.end, entries: *entries, errors: *errors, query: in_bar(pairs, bar, zone) }
    }
}

impl Field {
    fn new(pairs: &Pairs, counts: &FieldCounts) -> Self {
        let value = |(value, count): &(Value, u64)| Count {
            value: value.clone(),
            count: *count,
            query: with_value(pairs, counts.field, value),
        };
        Self { field: counts.field.name(), found: counts.found, values: counts.values.iter().map(value).collect() }
    }
}
