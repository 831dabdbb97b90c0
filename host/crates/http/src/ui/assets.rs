//! Style, script and icon, embedded, and the vendor's own style. Their addresses contain their hash, so that browsers
//! may cache them without limit.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mcp_audit_log_ledger::verifier_page;

use crate::problem::Problem;
use crate::site::Site;
use crate::site::asset::Asset;

/// One style sheet and one script for the browser, joined from several files.
const STYLE: &str = concat!(
    include_str!("assets/app.css"),
    include_str!("assets/log.css"),
    include_str!("assets/overview.css"),
    include_str!("assets/timeline.css"),
    include_str!("assets/entry.css"),
    include_str!("assets/insight.css")
);
const SCRIPT: &str = concat!(
    include_str!("assets/app.js"),
    include_str!("assets/live.js"),
    include_str!("assets/keys.js"),
    include_str!("assets/rows.js"),
    include_str!("assets/overview.js"),
    include_str!("assets/insight.js")
);

pub(crate) static CSS: LazyLock<Asset> = LazyLock::new(|| Asset::style(STYLE));
pub(crate) static JS: LazyLock<Asset> = LazyLock::new(|| Asset::new("js", "text/javascript; charset=utf-8", SCRIPT));
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// The route; these files are the same for every visitor, so they need no sign-in.
pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new().route("/assets/{name}", get(show)).route(VERIFIER, get(verifier))
}

/// Where the page is that checks bundles and proofs. It is a file to keep and to pass on, so it is downloaded.
pub(crate) const VERIFIER: &str = "/verify.html";

async fn verifier() -> Response {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"verify.html\"")];
    (headers, verifier_page()).into_response()
}

async fn show(State(site): State<Arc<Site>>, Path(name): Path<String>) -> Response {
    let named = |asset: &&Asset| asset.address.strip_prefix("/assets/") == Some(name.as_str());
    match [&*CSS, &*JS, &*ICON].into_iter().chain(&site.style).find(named) {
        Some(asset) => {
            let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text.clone()).into_response()
        }
        None => Problem::no_route().into_response(),
    }
}
