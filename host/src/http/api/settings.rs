//! `/api/v1/settings`: what an admin sets, and an auditor may look at.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value as Json_};

use super::super::auth::Visitor;
use super::super::problem::Problem;
use super::body::json;
use crate::access::Right;
use crate::settings::Settings;

/// Every setting by its key.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct All(Map<String, Json_>);

impl All {
    fn new(settings: &Settings) -> Self {
        Self(settings.iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect())
    }
}

/// `GET`: all settings.
pub(super) async fn show(visitor: Visitor) -> Result<Json<All>, Problem> {
    visitor.access.require_oversight()?;
    Ok(Json(All::new(&visitor.site.log.settings())))
}

/// `PATCH`: some settings; answers with all of them.
pub(super) async fn change(
    visitor: Visitor,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<All>, Problem> {
    // First, so that whoever may not change settings does not learn what would be taken.
    visitor.access.require(Right::Configure)?;
    let wanted: Map<_, _> = json(&headers, &body?, "{\"retention_days\": 30}")?;
    let settings = visitor.ask(move |log, access| Ok(log.change_settings(access, &wanted)?)).await?;
    Ok(Json(All::new(&settings)))
}
