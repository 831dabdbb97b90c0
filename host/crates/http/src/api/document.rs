//! (short: the one public route) `GET /api/v1/openapi.json`: the document of this API. It holds no data, so a client
//! can be generated from it without a sign-in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::health;
use crate::openapi::{Routes, document, get};
use crate::site::{API, Site};

/// The document, as `docs/openapi.json` has it.
pub fn openapi() -> Value {
    document([routes(), super::routes(), health::routes()])
}

/// The route of the document.
pub(crate) fn routes() -> Routes {
    Routes::below(API).at("/openapi.json", get("getDocument", "This document", show))
}

/// A document of OpenAPI.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "Document")]
pub(crate) struct Document(serde_json::Map<String, Value>);

async fn show(State(site): State<Arc<Site>>) -> Json<Document> {
    let Value::Object(mut document) = openapi() else { return Json(Document(serde_json::Map::new())) };
    if !site.base.is_empty() {
        document.insert("servers".to_owned(), json!([{ "url": site.base }]));
    }
    Json(Document(document))
}
