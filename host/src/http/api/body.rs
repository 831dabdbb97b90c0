//! The body of a request to the API as JSON, or the problem that it is none.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::super::problem::Problem;

/// Reads a body of JSON. `example` shows what would be one.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], example: &str) -> Result<T, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "application/json" && kind != "application/merge-patch+json" {
        return Err(Problem::media_type("application/json"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_data() { "not what is taken here" } else { "not JSON" };
        let why: String = error.to_string().chars().take(200).collect();
        Problem::body(format!("This is {what}: {why}. Send an object such as {example}."))
    })
}
