//! `GET /api/v1/usage`: usage over time and by dimension; each figure with the query that lists its entries.

use std::ops::Range;

use axum::Json;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_export as export;
use mcp_audit_log_index as index;
use mcp_audit_log_index::{DurationCounts, Point, Totals, UsageRow, UsageStats};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;
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

/// The answer in the requested format.
pub(crate) enum Answer {
    Json(Box<Usage>),
    Csv(Vec<u8>),
}

/// Usage over a range of time.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Usage {
    /// The requested range.
    asked: Span,
    /// The range that is covered. An end where some entries are deleted is widened to the whole hour or day.
    covered: Span,
    /// Whether the figures of this range are complete.
    complete: bool,
    /// Reasons why some figures are missing, in sentences.
    notes: Vec<String>,
    totals: Linked<Totals>,
    /// The same for the previous period, with `compare=previous`.
    previous: Option<Linked<Totals>>,
    /// The time between two points of the series: hour, day or week.
    step: &'static str,
    /// Oldest first, without gaps; in a long range, from the first request on.
    series: Vec<Linked<Point>>,
    /// How long the requests of each point took, with `durations=counts`.
    durations: Option<DurationCounts>,
    /// One for each `by`, in that order.
    breakdowns: Vec<Breakdown>,
}

/// A range of time; its end is exclusive.
#[derive(Serialize, JsonSchema)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// Figures of some requests, and the link to the requests.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Linked{T}")]
struct Linked<T> {
    #[serde(flatten)]
    counted: T,
    /// The share that succeeded, from 0 to 1; null without any request.
    success_ratio: Option<f64>,
    /// The share that did not.
    error_ratio: Option<f64>,
    /// The query string of `/api/v1/entries` to list these requests, `?` included; null if the viewer may not.
    entries: Option<String>,
    /// The same for requests that are not a success.
    error_entries: Option<String>,
}

/// Usage by one field, or by two.
#[derive(Serialize, JsonSchema)]
struct Breakdown {
    by: String,
    rows: Vec<Row>,
    /// The total number of rows.
    found: usize,
}

/// One value of the field, or of each of the two.
#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(flatten)]
    row: Linked<UsageRow>,
    /// The query string of `/api/v1/usage` for this row alone, `?` included.
    usage: Option<String>,
}

/// The parameters are those of [`UsageParameters`].
pub(crate) async fn show(visitor: Visitor, asked: ParsedQuery<UsageParameters>) -> Result<Answer, Problem> {
    visitor.search(move |log, access| answer(&asked.pairs, log, access)).await
}

/// The answer to these parameters.
pub(crate) fn answer(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Answer, Problem> {
    access.require(Right::ReadUsage)?;
    let UsageParameters { query, csv } = UsageParameters::parse(pairs, log, access)?;
    let usage = log.view().reader(access).usage(query)?;
    if csv {
        return export::usage_table(&usage).map(Answer::Csv).map_err(|error| Problem::internal(&error));
    }
    let linking = Linking { pairs, lists: access.reads_what_it_counts() };
    Ok(Answer::Json(Box::new(linking.usage(usage))))
}

/// Adds the links to the counted requests.
struct Linking<'a> {
    pairs: &'a Pairs,
    /// Whether the viewer may list entries.
    lists: bool,
}

impl Linking<'_> {
    fn usage(&self, usage: index::Usage) -> Usage {
        let covered = usage.covered;
        let totals = |totals: Totals| {
            let range = totals.from..totals.to;
            self.linked(&range, &[], totals.stats, totals)
        };
        let breakdown = |one: index::Breakdown| {
            let row = |row: UsageRow| {
                let keys = row.keys();
                let of: Vec<_> = one.by.fields().zip(&keys).collect();
                Row {
                    usage: usage_query::down(self.pairs, &covered, &of),
                    row: self.linked(&covered, &of, row.stats, row),
                }
            };
            Breakdown { by: one.by.to_string(), rows: one.rows.into_iter().map(row).collect(), found: one.found }
        };
        let point = |point: Point| self.linked(&(point.from..point.to), &[], point.stats, point);
        Usage {
            asked: span(&usage.asked),
            covered: span(&covered),
            complete: usage.missing.is_empty(),
            notes: usage.missing.iter().map(ToString::to_string).collect(),
            totals: totals(usage.totals),
            previous: usage.previous.map(totals),
            step: usage.step.as_str(),
            series: usage.series.into_iter().map(point).collect(),
            durations: usage.durations,
            breakdowns: usage.breakdowns.into_iter().map(breakdown).collect(),
        }
    }

    fn linked<T>(&self, range: &Range<Timestamp>, of: &[(Field, &Value)], stats: UsageStats, counted: T) -> Linked<T> {
        let entries = |term| self.lists.then(|| usage_query::entries(self.pairs, range, of, term)).flatten();
        let success_ratio = stats.success_ratio();
        Linked {
            counted,
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
