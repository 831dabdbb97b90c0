//! `/api/v1/alerts`: the caller's alerts, and the log's own for callers who see the definitions of tools.

use axum::Json;
use axum::response::NoContent;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::alert::{AlertCondition, DEFINITIONS, GREATEST_COUNT, LONGEST_MINUTES};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_service::AlertStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::openapi::extractors::Id;
use crate::openapi::extractors::{Sendable, Sent};
use crate::problem::Problem;
use crate::query::search;
use crate::session::auth::Visitor;

/// The alerts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alerts")]
pub(crate) struct All {
    alerts: Vec<AlertItem>,
}

/// An alert.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alert")]
pub(crate) struct AlertItem {
    /// Its view; null for the log's own alert about changed definitions of tools.
    view: Option<Uuid>,
    name: String,
    /// The search of its view, without the `?`.
    query: String,
    /// When it is raised: `at least 5 entries in 60 minutes`.
    condition: String,
    /// Since when it is raised; null while it is not.
    raised_at: Option<Timestamp>,
    /// The entry that says so.
    raised_entry: Option<Uuid>,
    /// When it was checked last; null until the first check after a start.
    checked_at: Option<Timestamp>,
    /// How many entries, or new values, the last check found.
    count: Option<u64>,
    /// New values that the last check found, at most five.
    values: Vec<String>,
    /// Why the last check failed.
    error: Option<String>,
}

/// An alert to set: a number of entries, or a field.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewAlert")]
pub(crate) struct Wanted {
    /// The least number of entries in the time.
    #[serde(default)]
    #[schemars(range(min = 1, max = GREATEST_COUNT))]
    count: Option<u32>,
    /// A field; a value that no earlier entry of the view has raises the alert.
    #[serde(default)]
    new: Option<String>,
    /// The time, in minutes before each check, by the time of recording.
    #[schemars(range(min = 1, max = LONGEST_MINUTES))]
    minutes: u32,
}

impl Sendable for Wanted {
    const EXAMPLE: &'static str = "{\"count\": 5, \"minutes\": 60}";
}

impl Wanted {
    fn condition(&self) -> Result<AlertCondition, Problem> {
        condition(self.count, self.new.as_deref())
    }
}

/// A condition from outside: a number, or a field.
pub(super) fn condition(count: Option<u32>, new: Option<&str>) -> Result<AlertCondition, Problem> {
    match (count, new) {
        (Some(count), None) => Ok(AlertCondition::Count(count)),
        (None, Some(name)) => {
            let field = Field::named(name).ok_or_else(|| {
                Problem::invalid(format!("new: there is no field {}; name one of an entry.", search::short(name)))
            })?;
            Ok(AlertCondition::New(field))
        }
        _ => Err(Problem::invalid("Give either count, a number of entries, or new, a field.")),
    }
}

impl AlertItem {
    fn new(status: AlertStatus) -> Self {
        let AlertStatus { alert, name, query, result, .. } = status;
        let checked_at = result.as_ref().map(|result| result.at);
        let (finding, error) = match result.map(|result| result.found) {
            None => (None, None),
            Some(Ok(finding)) => (Some(finding), None),
            Some(Err(error)) => (None, Some(error)),
        };
        Self {
            view: Some(alert.view).filter(|view| *view != DEFINITIONS),
            name,
            query: search::query_of(&query).trim_start_matches('?').to_owned(),
            condition: alert.condition.sentence(alert.minutes),
            raised_at: alert.raised.map(|(at, _)| at),
            raised_entry: alert.raised.map(|(_, entry)| entry),
            checked_at,
            count: finding.as_ref().map(|finding| finding.count),
            values: finding.map(|finding| finding.values).unwrap_or_default(),
            error,
        }
    }
}

/// `GET`: all of them.
pub(crate) async fn list(visitor: Visitor) -> Result<Json<All>, Problem> {
    let alerts = visitor.search(|log, access| Ok(log.alerts(access)?)).await?;
    Ok(Json(All { alerts: alerts.into_iter().map(AlertItem::new).collect() }))
}

/// `PUT /views/{id}/alert`: sets the alert of a view, and checks it.
pub(crate) async fn set(visitor: Visitor, id: Id, sent: Sent<Wanted>) -> Result<Json<AlertItem>, Problem> {
    visitor.access.require(Right::Read)?;
    let wanted = sent.read()?;
    let (id, condition, minutes) = (id.of("view")?, wanted.condition()?, wanted.minutes);
    let set = visitor.change(move |log, access| Ok(log.set_alert(access, id, condition, minutes)?));
    Ok(Json(AlertItem::new(set.await?)))
}

/// `DELETE /views/{id}/alert`.
pub(crate) async fn remove(visitor: Visitor, id: Id) -> Result<NoContent, Problem> {
    visitor.access.require(Right::Read)?;
    let id = id.of("view")?;
    visitor.change(move |log, access| Ok(log.delete_alert(access, id)?)).await?;
    Ok(NoContent)
}
