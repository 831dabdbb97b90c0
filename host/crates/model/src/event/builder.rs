//! Builder methods that fit any event.

use std::time::Duration;

use serde_json::Value as Json;
use uuid::Uuid;

use super::{Argument, Caller, Client, Event, Failure, OutcomeDetail};

impl Event {
    /// The caller. Values that the event already has, such as a tunnel's name, stay.
    pub fn by(mut self, caller: Caller) -> Self {
        self.caller = std::mem::take(&mut self.caller).or(caller);
        self
    }

    /// The client, its address and session.
    pub fn with(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// The id of the event that caused this one: one tool call may become several API calls.
    pub fn under(mut self, parent: Uuid) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Sets the duration, stored in microseconds.
    pub fn took(mut self, duration: Duration) -> Self {
        self.duration_us = Some(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        self
    }

    /// The W3C trace id: 32 hexadecimal digits.
    pub fn traced(mut self, trace_id: impl Into<String>) -> Self {
        self.trace_id = Some(trace_id.into());
        self
    }

    /// The HTTP status, and with it how the event went.
    pub fn status(mut self, status: u16) -> Self {
        self.status_code = Some(status);
        self.detail = OutcomeDetail::of_status(status);
        self.failure = Failure::of_status(status);
        self
    }

    /// Sets the failure: OpenTelemetry's `error.type` and a sentence of the sender. An outcome that is not a failure
    /// becomes [`OutcomeDetail::Unknown`], so that a failure never counts as a success.
    pub fn failed(mut self, detail: OutcomeDetail, kind: impl Into<String>, message: impl Into<String>) -> Self {
        let failed = super::Outcome::FAILED.contains(&detail.outcome());
        self.detail = if failed { detail } else { OutcomeDetail::Unknown };
        self.failure = Some(Failure::new(kind, message));
        self
    }

    /// An argument of the call. The policy may find in it which business record was touched; the log does not keep it.
    pub fn argument(mut self, name: impl Into<String>, value: &Json) -> Self {
        self.arguments.push(Argument { name: name.into(), json: value.to_string() });
        self
    }
}
