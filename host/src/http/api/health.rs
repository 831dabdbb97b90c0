//! `/healthz` and `/readyz`: for whoever watches the process. No sign-in, and nothing but yes or a
//! word for why not.

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
async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    match site.log.recorder().ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(unready) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", unready.as_str())),
    }
}
