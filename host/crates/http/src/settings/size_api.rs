//! `GET /api/v1/extent`: the size of the log, its growth, and its estimated size at the retention period.

use axum::Json;
use mcp_audit_log_contract::settings::RETENTION_DAYS;
use mcp_audit_log_core::growth::Growth;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;
use crate::session::auth::Visitor;

/// The size of the log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Figures {
    entries: u64,
    /// Bytes of the database, including new data in the write-ahead log.
    bytes: u64,
    /// Bytes of the write-ahead log beside it. It is reused and does not grow with the entries.
    journal_bytes: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// Null while the log is younger than an hour.
    growth_a_day: Option<Growth>,
    at_retention: Option<Held>,
}

#[derive(Serialize, JsonSchema)]
struct Held {
    days: u64,
    #[serde(flatten)]
    holds: Growth,
}

/// Needs the right to configure or to verify.
pub(crate) async fn show(visitor: Visitor) -> Result<Json<Figures>, Problem> {
    let figures = visitor.search(|log, access| {
        let extent = log.view().reader(access).extent()?;
        let growth_a_day = log.view().reader(access).growth(&extent, log.view().now())?;
        let at_retention = match (growth_a_day, log.view().settings().get(RETENTION_DAYS)) {
            (Some(growth), Value::Integer(days)) => {
                let days = days.unsigned_abs();
                Some(Held { days, holds: growth.over(days) })
            }
            _ => None,
        };
        let mcp_audit_log_index::LogStats { entries, bytes, journal_bytes, oldest, newest } = extent;
        Ok(Figures { entries, bytes, journal_bytes, oldest, newest, growth_a_day, at_retention })
    });
    figures.await.map(Json)
}
