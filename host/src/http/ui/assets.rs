//! Style, script and icon, embedded; their addresses hold their hash, so that browsers may keep them for ever.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::http::Site;
use crate::http::problem::Problem;

/// A file of this site.
pub(super) struct Asset {
    /// Its address below the site's base.
    pub(super) address: String,
    kind: &'static str,
    text: &'static str,
}

/// The look of every page, and of those with figures.
const STYLE: &str = concat!(include_str!("assets/app.css"), include_str!("assets/insight.css"));

/// The script of every page, and of those that tell how far something is.
const SCRIPT: &str = concat!(include_str!("assets/app.js"), include_str!("assets/insight.js"));

pub(super) static CSS: LazyLock<Asset> = LazyLock::new(|| Asset::new("css", "text/css; charset=utf-8", STYLE));
pub(super) static JS: LazyLock<Asset> = LazyLock::new(|| Asset::new("js", "text/javascript; charset=utf-8", SCRIPT));
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("assets/icon.svg")));

impl Asset {
    fn new(extension: &str, kind: &'static str, text: &'static str) -> Self {
        let hash = Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
        Self { address: format!("/assets/{hash}.{extension}"), kind, text }
    }
}

/// The route; these files are the same for everybody, so there is no sign-in.
pub(in crate::http) fn router() -> Router<Arc<Site>> {
    Router::new().route("/assets/{name}", get(show))
}

async fn show(Path(name): Path<String>) -> Response {
    let named = |asset: &&LazyLock<Asset>| asset.address.strip_prefix("/assets/") == Some(name.as_str());
    match [&CSS, &JS, &ICON].into_iter().find(named) {
        Some(asset) => {
            let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text).into_response()
        }
        None => Problem::no_route().into_response(),
    }
}
