//! `/api/v1/settings`: an admin may change them, an auditor may read them.

use std::collections::BTreeMap;

use axum::Json;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json_};

use crate::openapi::extractors::{Sendable, Sent};
use crate::problem::Problem;
use crate::session::auth::Visitor;

/// Every setting by its key.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "Settings")]
pub(crate) struct All(#[schemars(with = "BTreeMap<String, Value>")] Map<String, Json_>);

/// Some settings by their keys.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "NewSettings")]
pub(crate) struct Wanted(#[schemars(with = "BTreeMap<String, Value>")] Map<String, Json_>);

impl Sendable for Wanted {
    const EXAMPLE: &'static str = "{\"retention_days\": 30}";
}

impl All {
    fn new(settings: &Settings) -> Self {
        Self(settings.iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect())
    }
}

/// `GET`: all settings.
pub(crate) async fn show(visitor: Visitor) -> Result<Json<All>, Problem> {
    visitor.access.require_oversight()?;
    Ok(Json(All::new(&visitor.site.log.view().settings())))
}

/// `PATCH`: changes some settings; the answer has all of them.
pub(crate) async fn change(visitor: Visitor, sent: Sent<Wanted>) -> Result<Json<All>, Problem> {
    // First, so that a caller without the right does not learn what is accepted.
    visitor.site.log.allow(&visitor.access, Right::Configure, "settings.updated")?;
    let Wanted(wanted) = sent.read()?;
    let settings = visitor.change(move |log, access| Ok(log.change_settings(access, &wanted)?)).await?;
    Ok(Json(All::new(&settings)))
}
