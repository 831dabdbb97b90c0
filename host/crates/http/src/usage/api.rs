//! `GET /api/v1/usage`: usage over time and by dimension; each figure with the query that lists its entries.

use std::collections::BTreeMap;
use std::ops::Range;

use axum::Json;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_export as export;
use mcp_audit_log_index as index;
use mcp_audit_log_index::UsageStats;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::openapi::{Operation, Output};
use crate::problem::Problem;
use crate::query::extractor::ParsedQuery;
use crate::query::search::Pairs;
use crate::query::usage_query;
use crate::query::usage_query::UsageParameters;
use crate::session::auth::Visitor;

/// The media type of a table.
const CSV: &str = "text/csv";

/// The answer, in the format that was asked for.
pub(crate) enum Answer {
    Json(Box<Usage>),
    Csv(Vec<u8>),
}

/// Usage over a range of time.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Usage {
    /// The range that was asked for.
    asked: Span,
    /// The range that the figures cover: whole hours or days where some entries at an end are deleted.
    covered: Span,
    /// Whether nothing is missing in it.
    complete: bool,
    /// What is missing, in sentences.
    notes: Vec<String>,
    totals: Totals,
    /// The same for the previous period, with `compare=previous`.
    previous: Option<Totals>,
    /// The distance of the points of the series, in UTC: hour, day or week.
    step: &'static str,
    /// Oldest first, without gaps; in a long range, from the first request on.
    series: Vec<Point>,
    /// One for each `by`, in that order.
    breakdowns: Vec<Breakdown>,
}

/// A range of time; its end is left out.
#[derive(Serialize, JsonSchema)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// What is counted of some requests.
#[derive(Serialize, JsonSchema)]
struct Counted {
    #[serde(flatten)]
    figures: UsageStats,
    /// The share that succeeded, from 0 to 1; null without any request.
    success_ratio: Option<f64>,
    /// The share that did not.
    error_ratio: Option<f64>,
    /// The query string of `/api/v1/entries` to list these requests, `?` included; null if the viewer may not.
    entries: Option<String>,
    /// The same for requests that are not a success.
    error_entries: Option<String>,
}

/// All requests together.
#[derive(Serialize, JsonSchema)]
struct Totals {
    #[serde(flatten)]
    span: Span,
    #[serde(flatten)]
    counted: Counted,
    /// The number of distinct users, servers and so on, by field; null if it depends on deleted entries.
    unique: BTreeMap<&'static str, Option<u64>>,
}

/// A point of the series.
#[derive(Serialize, JsonSchema)]
struct Point {
    #[serde(flatten)]
    span: Span,
    #[serde(flatten)]
    counted: Counted,
}

/// Usage by one field.
#[derive(Serialize, JsonSchema)]
struct Breakdown {
    by: &'static str,
    rows: Vec<Row>,
    /// The total number of rows.
    found: usize,
}

/// One value of the field.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// The value; null for requests without one.
    key: Value,
    #[serde(flatten)]
    counted: Counted,
    /// The number of users; null if it depends on deleted entries.
    users: Option<u64>,
    /// The query string of `/api/v1/usage` for this value alone, `?` included.
    usage: Option<String>,
}

/// The parameters are those of [`UsageParameters`].
pub(crate) async fn show(visitor: Visitor, asked: ParsedQuery<UsageParameters>) -> Result<Answer, Problem> {
    let pairs = asked.pairs;
    let answer = visitor.search(move |log, access| {
        access.require(Right::ReadUsage)?;
        let UsageParameters { query, csv } = UsageParameters::parse(&pairs, log, access.viewer())?;
        let usage = log.reader(access).usage(query)?;
        if csv {
            return export::usage_table(&usage).map(Answer::Csv).map_err(|error| Problem::internal(&error));
        }
        let linking = Linking { pairs: &pairs, lists: access.reads_what_it_counts() };
        Ok(Answer::Json(Box::new(linking.usage(&usage))))
    });
    answer.await
}

/// Puts the links to figures.
struct Linking<'a> {
    pairs: &'a Pairs,
    /// Whether the viewer may list entries.
    lists: bool,
}

impl Linking<'_> {
    fn usage(&self, usage: &index::Usage) -> Usage {
        let covered = &usage.covered;
        let point = |point: &index::Point| Point {
            span: span(&(point.from..point.to)),
            counted: self.counted(&point.stats, &(point.from..point.to), None),
        };
        let previous = usage.previous.as_ref();
        Usage {
            asked: span(&usage.asked),
            covered: span(covered),
            complete: usage.missing.is_empty(),
            notes: usage.missing.iter().map(ToString::to_string).collect(),
            totals: self.totals(&usage.totals, covered),
            previous: previous.map(|(range, totals)| self.totals(totals, range)),
            step: usage.step.as_str(),
            series: usage.series.iter().map(point).collect(),
            breakdowns: usage.breakdowns.iter().map(|one| self.breakdown(one, covered)).collect(),
        }
    }

    fn totals(&self, totals: &index::Totals, range: &Range<Timestamp>) -> Totals {
        let unique = totals.unique.iter().map(|(field, count)| (field.name(), *count));
        Totals { span: span(range), counted: self.counted(&totals.stats, range, None), unique: unique.collect() }
    }

    fn breakdown(&self, breakdown: &index::Breakdown, range: &Range<Timestamp>) -> Breakdown {
        let field = breakdown.field;
        let row = |row: &index::UsageRow| Row {
            key: row.key.clone(),
            counted: self.counted(&row.stats, range, Some((field, &row.key))),
            users: row.users,
            usage: usage_query::down(self.pairs, range, field, &row.key),
        };
        Breakdown { by: field.name(), rows: breakdown.rows.iter().map(row).collect(), found: breakdown.found }
    }

    fn counted(&self, figures: &UsageStats, range: &Range<Timestamp>, of: Option<(Field, &Value)>) -> Counted {
        let entries = |term| self.lists.then(|| usage_query::entries(self.pairs, range, of, term)).flatten();
        let success_ratio = figures.success_ratio();
        Counted {
            figures: *figures,
            success_ratio,
            error_ratio: success_ratio.map(|ratio| 1.0 - ratio),
            entries: entries(None),
            error_entries: entries(Some(usage_query::failed())),
        }
    }
}

fn span(range: &Range<Timestamp>) -> Span {
    Span { from: range.start, to: range.end }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Json(usage) => Json(usage).into_response(),
            Self::Csv(table) => {
                let kind = (CONTENT_TYPE, "text/csv; charset=utf-8; header=present");
                ([kind, (CONTENT_DISPOSITION, "attachment; filename=\"usage.csv\"")], table).into_response()
            }
        }
    }
}

impl Output for Answer {
    fn describe(operation: &mut Operation<'_>) {
        Json::<Usage>::describe(operation);
        operation.also_in(CSV, json!({ "type": "string" }));
    }
}
