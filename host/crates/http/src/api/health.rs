//! `/healthz` and `/readyz`, for monitoring, without sign-in. The answer is yes, or a short reason.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::openapi::{Operation, Output, Routes, get};
use crate::problem::Problem;
use crate::site::Site;

/// A short text.
struct Word(&'static str);

/// A short reason.
struct NotReady(String);

/// The routes with their documentation.
pub(crate) fn routes() -> Routes {
    Routes::below("")
        .at("/healthz", get("isAlive", "Whether the process runs", async || Word("ok\n")))
        .at("/readyz", get("isReady", "Whether entries reach the disk and the policy works", ready))
}

/// The routes.
pub(crate) fn router() -> Router<Arc<Site>> {
    routes().router().method_not_allowed_fallback(async || Problem::method())
}

/// Ready while entries reach the disk and the policy judges them.
async fn ready(State(site): State<Arc<Site>>) -> Result<Word, NotReady> {
    match site.log.recorder().ready() {
        Ok(()) => Ok(Word("ready\n")),
        Err(unready) => Err(NotReady(format!("not ready: {}\n", unready.as_str()))),
    }
}

impl IntoResponse for Word {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl IntoResponse for NotReady {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.0).into_response()
    }
}

impl Output for Word {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer(StatusCode::OK, "text/plain", json!({ "type": "string" }));
    }
}

impl Output for NotReady {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer(StatusCode::SERVICE_UNAVAILABLE, "text/plain", json!({ "type": "string" }));
    }
}
