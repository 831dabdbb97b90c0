//! The body of a request: limits on its size, and on how many senders are read at once. What exceeds a limit is refused by
//! name, never cut.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::schema::NewEvents;
use super::split::Form;
use crate::http::openapi::{Input, Operation};
use crate::http::problem;
use crate::http::problem::{MEDIA, Problem, SLOW, TOO_LONG};

/// How long a body may take to arrive: a slow sender occupies a slot.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event as the document shows one.
const EXAMPLE: &str =
    r#"{"id": "01930000-0000-7000-8000-000000000001", "channel": "api", "method": "GET", "status_code": 200}"#;

/// A request with only its head read: the body of a sender without the right is not read.
pub(in crate::http) struct Sent(Request);

impl Sent {
    /// How the items are written.
    pub(in crate::http) fn form(&self) -> Result<Form, Problem> {
        Form::of(self.0.headers())
    }

    /// Reads the body.
    pub(in crate::http) async fn read(self) -> Result<Bytes, Problem> {
        let length = self.0.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > BODY as u64) {
            return Err(too_long());
        }
        let body = Limited::new(self.0.into_body(), BODY).collect();
        match tokio::time::timeout(PATIENCE, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(_)) => Err(Problem::body("The body ended early and nothing was recorded. Send all of it again.")),
            Err(_) => Err(Problem::too_slow(
                "The body took longer than 30 seconds and nothing was recorded. Send fewer events at once.",
            )),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        Ok(Self(request))
    }
}

impl Input for Sent {
    fn describe(operation: &mut Operation<'_>) {
        operation.body::<NewEvents>(EXAMPLE);
        let lines = json!({ "type": "string", "description": "One `NewEvent` on each line." });
        operation.body_in("application/x-ndjson", lines, EXAMPLE.into());
        [problem::BODY, SLOW, TOO_LONG, MEDIA].into_iter().for_each(|kind| operation.refuses(kind));
    }
}

fn too_long() -> Problem {
    Problem::too_long(format!(
        "A body may have at most {BODY} bytes; nothing was recorded. Send fewer events at \
                               once."
    ))
}

/// Bodies that are read at once. Others wait for their turn.
const TURNS: usize = 8;
/// How long they do.
const TURN_PATIENCE: Duration = Duration::from_secs(5);

/// The turns of a site.
#[derive(Debug)]
pub(in crate::http) struct Intake(Semaphore);

impl Default for Intake {
    fn default() -> Self {
        Self(Semaphore::new(TURNS))
    }
}

impl Intake {
    pub(in crate::http) async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = tokio::time::timeout(TURN_PATIENCE, self.0.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(Problem::nothing_taken)
    }
}

/// Longest body, in bytes.
pub(in crate::http) const BODY: usize = 8 << 20;
/// Most items.
pub(in crate::http) const ITEMS: usize = 1_000;
/// Longest item, in bytes.
pub(in crate::http) const ITEM: usize = 512 << 10;
/// Longest text of a field, in characters.
pub(in crate::http) const TEXT: usize = 256;
/// Longest path, URI, sentence, or text of a fact, in characters.
pub(in crate::http) const LONG_TEXT: usize = 1_024;
/// Most facts, and most members of each other object in an item.
pub(in crate::http) const MEMBERS: usize = 64;
/// Longest name of a fact, in characters.
pub(in crate::http) const NAME: usize = 64;
/// Longest request or response in a payload, in bytes.
pub(in crate::http) const PAYLOAD: usize = 128 << 10;
