//! The audit rules: an event's action, the affected resource, and whether the payload is kept. One file per channel.

mod action;
mod admin;
mod api;
mod changes;
pub(crate) mod depends;
mod masks;
mod mcp;
mod oauth;
mod record;
mod state;
mod system;

use crate::contract::{Affected, Event, KeepPayload, PayloadDecision, Setting, Value, Verdict};
use crate::data::settings::LOG_PAYLOADS;
use crate::settings;

/// A payload that is longer than this is cut and marked.
const MAXIMUM_PAYLOAD: u32 = 65_536;

/// A longer text of a verdict is truncated, in bytes. The host treats too long an answer as a fault, and a caller must
/// not be able to cause one by a long name.
const LONGEST: usize = 1_024;

/// One verdict for each event, in the same order.
pub(crate) fn judge(settings: &[Setting], events: &[Event]) -> Vec<Verdict> {
    let log_payloads = settings::is_on(settings, LOG_PAYLOADS);
    let judged = |(at, event)| Verdict { event: at, payload: payload(log_payloads, event), ..rule(event) };
    (0..).zip(events).map(judged).collect()
}

/// The rule of the event's channel. A channel that this policy does not know yet is treated like an administrative one.
fn rule(event: &Event) -> Verdict {
    match event.channel.as_str() {
        "mcp" | "stdio" => mcp::rule(event),
        "oauth" => oauth::rule(event),
        "api" => api::rule(event),
        "system" => system::rule(event),
        _ => admin::rule(event),
    }
}

/// The host's masks go over what is kept; this policy has no further ones.
///
/// OAuth bodies are made of codes, verifiers and tokens, so that no mask would leave anything worth keeping.
fn payload(log_payloads: bool, event: &Event) -> PayloadDecision {
    if !log_payloads || !event.has_payload || event.channel == "oauth" {
        return PayloadDecision::None;
    }
    PayloadDecision::Keep(KeepPayload { masks: Vec::new(), max_bytes: MAXIMUM_PAYLOAD })
}

/// A verdict with only the action. Its index in the batch is filled in at the end.
fn called(action: impl Into<String>) -> Verdict {
    Verdict {
        event: 0,
        action: action.into(),
        affected: None,
        model: None,
        record_id: None,
        facts: Vec::new(),
        changes: Vec::new(),
        payload: PayloadDecision::None,
    }
}

/// The affected object, if it has a name.
fn by_name(kind: &str, name: Option<&str>) -> Option<Affected> {
    name.map(|name| Affected { kind: kind.to_owned(), id: None, name: Some(cut(name)) })
}

/// The affected object, if it has an id.
fn by_id(kind: &str, id: Option<&str>) -> Option<Affected> {
    id.map(|id| Affected { kind: kind.to_owned(), id: Some(cut(id)), name: None })
}

/// The text, truncated with an ellipsis if necessary.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST - '…'.len_utf8()).last();
    let beginning = text.get(..end.unwrap_or_default()).unwrap_or_default();
    format!("{beginning}…")
}

/// A text that the host passes as a fact.
fn text_fact<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.facts.iter().find(|fact| fact.name == name).and_then(|fact| match &fact.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
