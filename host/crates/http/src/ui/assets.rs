//! Style, script and icon, embedded, and the vendor's own style. Their addresses contain their hash, so that browsers
//! may cache them without limit.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mcp_audit_log_index::GroupBy;
use mcp_audit_log_ledger::verifier_page;
use mcp_audit_log_model::event::{Channel, Kind, Outcome, OutcomeDetail};
use mcp_audit_log_model::field::{Field, FieldType};
use serde_json::{Value as Json, json};

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
    include_str!("assets/insight.js"),
    include_str!("assets/complete.js")
);

pub(crate) static CSS: LazyLock<Asset> = LazyLock::new(|| Asset::style(STYLE));
pub(crate) static JS: LazyLock<Asset> = LazyLock::new(|| {
    let script = SCRIPT.replace(NO_FIELDS, &format!("const FIELDS = {};", fields()));
    Asset::new("js", "text/javascript; charset=utf-8", script)
});
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// Where the script has the fields that the search box completes.
const NO_FIELDS: &str = "const FIELDS = [];";

/// The names that a search knows, for the script.
fn fields() -> Json {
    let field = |field: &Field| {
        let kind = if matches!(field.kind(), FieldType::Text | FieldType::Id) { "text" } else { "number" };
        let groups = GroupBy::all().any(|by| by == GroupBy::Field(*field));
        let words = vocabulary(*field);
        let (name, short, label) = (field.name(), field.short_name(), field.label());
        json!({ "name": name, "short": short, "label": label, "kind": kind, "groups": groups, "words": words })
    };
    let times = [("since", "Began at or after"), ("until", "Began before, or on that day")];
    let times = times.map(|(name, label)| json!({ "name": name, "label": label, "kind": "text" }));
    Field::ALL.iter().map(field).chain(times).collect()
}

/// The words of a field that has no others.
pub(crate) fn vocabulary(field: Field) -> Option<Vec<&'static str>> {
    match field {
        Field::Outcome => Some(Outcome::ALL.iter().map(|word| word.as_str()).collect()),
        Field::OutcomeDetail => Some(OutcomeDetail::ALL.iter().map(|word| word.as_str()).collect()),
        Field::Channel => Some(Channel::ALL.iter().map(|word| word.as_str()).collect()),
        Field::Kind => Some(Kind::ALL.iter().map(|word| word.as_str()).collect()),
        _ => None,
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_knows_every_field() {
        assert_eq!(SCRIPT.matches(NO_FIELDS).count(), 1);
        for field in Field::ALL {
            assert!(JS.text.contains(&format!("\"name\":\"{}\"", field.name())), "{}", field.name());
        }
        assert!(JS.text.contains("\"words\":[\"success\",\"error\",\"denied\",\"pending\"]"));
    }
}
