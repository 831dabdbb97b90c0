//! The reason why an event failed, or the platform's policy that blocked it.

use super::{Detail, Event};

/// The reason for a failure. It never contains text from a body, because that is payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// OpenTelemetry's `error.type`: `tool_error`, a JSON-RPC code, an HTTP status, or one of the log's own codes.
    pub kind: String,
    /// The log's own sentence about it.
    pub message: String,
    /// The JSON-RPC error code.
    pub code: Option<i64>,
}

impl Failure {
    /// A failure of this `error.type`, with a sentence about it. Neither may come out of a body.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), code: None }
    }

    /// The failure that an HTTP status means; `None` below 400.
    pub fn of_status(status: u16) -> Option<Self> {
        (status >= 400).then(|| Self::new(status.to_string(), sentence(status)))
    }
}

/// A sentence for an HTTP status of 300 or above.
pub fn sentence(status: u16) -> &'static str {
    if status < 400 {
        return "Redirected: the call was not executed here";
    }
    match status {
        400 => "Bad request",
        401 => "Unauthorized: no valid token",
        403 => "Forbidden",
        404 => "Not found",
        405 => "Method not allowed",
        406 => "Not acceptable",
        409 => "Conflict",
        413 => "Too large",
        415 => "Unsupported media type",
        429 => "Too many requests",
        500 => "Internal server error",
        502 => "Bad gateway",
        503 => "Service unavailable",
        504 => "Gateway timeout",
        ..500 => "The request was rejected",
        _ => "The server failed",
    }
}

/// A policy of the platform (not of the log) as it was when it blocked a call. The entry keeps this snapshot, so that
/// it stays true when the policy is renamed, rewritten or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockingPolicy {
    /// Its id on the platform: the entry's field `policy`.
    pub id: String,
    /// Its name: the detail `policy_name`.
    pub name: String,
    /// Its description: the detail `policy_description`.
    pub description: Option<String>,
}

impl BlockingPolicy {
    /// The policy with this id and name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), description: None }
    }

    /// Its description.
    pub fn described(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }
}

impl Event {
    /// A policy of the platform blocked it: denied, with the `error_type` `blocked_by_policy`.
    pub fn blocked_by(mut self, policy: BlockingPolicy) -> Self {
        let BlockingPolicy { id, name, description } = policy;
        self.detail = Detail::Denied;
        self.failure = Some(Failure::new("blocked_by_policy", format!("Blocked by the policy {name:?}")));
        self.facts.extend(description.map(|text| ("policy_description".to_owned(), text.into())));
        self.fact("policy", id).fact("policy_name", name)
    }
}
