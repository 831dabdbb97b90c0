//! The body of a request to send events, read as far as its limit and no longer than it may take.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::super::super::problem::Problem;
use super::limits::BODY;

/// How long a body may take to arrive: whoever sends slowly keeps others waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the body.
pub(super) async fn read(request: Request) -> Result<Bytes, Problem> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY as u64) {
        return Err(too_long());
    }
    let body = Limited::new(request.into_body(), BODY).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => Err(Problem::body("The body broke off, so nothing of it was taken. Send all of it again.")),
        Err(_) => Err(Problem::too_slow(
            "The body took longer than 30 seconds, so nothing of it was taken. Send fewer events.",
        )),
    }
}

fn too_long() -> Problem {
    Problem::too_long(format!("A request holds at most {BODY} bytes; nothing of it was taken. Send fewer at once."))
}
