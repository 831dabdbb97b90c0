//! `/healthz` and `/readyz`: for whoever watches the process. No sign-in, and nothing but yes or no.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use super::super::Site;

/// The routes.
pub(in super::super) fn router() -> Router<Arc<Site>> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

/// Ready while what is recorded reaches the disk.
async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, &'static str) {
    match site.log.recorder().is_healthy() {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}
