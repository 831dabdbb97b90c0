//! The body of a request: its limits and its items.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use serde_json::value::RawValue;

use super::schema::NewEvents;
use super::values::Refusal;
use crate::openapi::{Input, Operation};
use crate::problem;
use crate::problem::{MEDIA, Problem, SLOW, TOO_LONG};

/// The time that a body may take to arrive, because a slow sender occupies a slot.
const PATIENCE: Duration = Duration::from_secs(30);

/// The example event in the document.
const EXAMPLE: &str =
    r#"{"id": "01930000-0000-7000-8000-000000000001", "channel": "api", "method": "GET", "status_code": 200}"#;

/// A request whose body is not read yet: the body of a sender without the right is never read.
pub(crate) struct Sent(Request);

impl Sent {
    /// How the items are written.
    pub(crate) fn form(&self) -> Result<Form, Problem> {
        Form::of(self.0.headers())
    }

    /// Reads the body.
    pub(crate) async fn read(self) -> Result<Bytes, Problem> {
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

/// Longest body, in bytes.
pub(crate) const BODY: usize = 8 << 20;
/// Most items.
pub(crate) const ITEMS: usize = 1_000;
/// Longest item, in bytes.
pub(crate) const ITEM: usize = 512 << 10;
/// Longest text of a field, in characters.
pub(crate) const TEXT: usize = 256;
/// Longest path, URI, sentence, or text of a fact, in characters.
pub(crate) const LONG_TEXT: usize = 1_024;
/// Most facts, and most members of each other object in an item.
pub(crate) const MEMBERS: usize = 64;
/// Longest name of a fact, in characters.
pub(crate) const NAME: usize = 64;
/// Longest request or response in a payload, in bytes.
pub(crate) const PAYLOAD: usize = 128 << 10;

/// How the items are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One object, or an array of them.
    Json,
    /// An object on each line.
    Lines,
}

/// An item as it was sent, or the reason why it is refused.
pub(crate) type Item<'a> = Result<&'a RawValue, Refusal>;

impl Form {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = text(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let plain = matches!(text(CONTENT_ENCODING).trim().to_ascii_lowercase().as_str(), "" | "identity");
        match kind.as_str() {
            "application/json" if plain => Ok(Self::Json),
            "application/x-ndjson" if plain => Ok(Self::Lines),
            _ => Err(Problem::media_type("application/json or application/x-ndjson, not compressed")),
        }
    }
}

/// The items, in order.
pub(crate) fn items(body: &[u8], form: Form) -> Result<Vec<Item<'_>>, Problem> {
    match form {
        Form::Lines => lines(body),
        Form::Json if body.trim_ascii_start().starts_with(b"[") => array(body),
        Form::Json => one(body).map(|item| vec![short(item)]),
    }
}

/// A line that is not JSON is refused alone.
fn lines(body: &[u8]) -> Result<Vec<Item<'_>>, Problem> {
    let lines = || body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    within(lines().count())?;
    let read = |line| match serde_json::from_slice(line) {
        Ok(item) => short(item),
        Err(_) => Err(Refusal::whole("not valid JSON in UTF-8; send one object per line")),
    };
    Ok(lines().map(read).collect())
}

fn array(body: &[u8]) -> Result<Vec<Item<'_>>, Problem> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    within(items.len())?;
    Ok(items.into_iter().map(short).collect())
}

fn one(body: &[u8]) -> Result<&RawValue, Problem> {
    serde_json::from_slice(body).map_err(|error| not_json(&error))
}

fn short(item: &RawValue) -> Item<'_> {
    match item.get().len() <= ITEM {
        true => Ok(item),
        false => Err(Refusal::whole(format!("an item may have at most {ITEM} bytes; shorten it"))),
    }
}

fn within(count: usize) -> Result<(), Problem> {
    match count <= ITEMS {
        true => Ok(()),
        false => Err(Problem::too_long(format!(
            "The request has {count} items; at most {ITEMS} are allowed, and nothing was recorded. Send fewer at once."
        ))),
    }
}

/// Only the position, because the parser's own message may repeat the input.
fn not_json(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    let advice = "Send one object, an array of objects, or one object per line as application/x-ndjson.";
    Problem::body(format!("The body is not valid JSON in UTF-8 ({place}), so nothing was recorded. {advice}"))
}
