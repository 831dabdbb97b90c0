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

use crate::contract::{Event, PayloadDecision, Setting, Verdict};
use crate::sdk::declare::keep;
use crate::sdk::settings::{LOG_PAYLOADS, is_on};

/// A payload that is longer than this is cut and marked.
const MAXIMUM_PAYLOAD: u32 = 65_536;

/// One verdict for each event, in the same order.
pub(crate) fn judge(settings: &[Setting], events: &[Event]) -> Vec<Verdict> {
    let log_payloads = logs_payloads(settings);
    (0..).zip(events).map(|(at, event)| judged(log_payloads, at, event)).collect()
}

/// The verdict on one event, which has this index in its batch.
pub(crate) fn judged(log_payloads: bool, at: u32, event: &Event) -> Verdict {
    Verdict { event: at, payload: payload(log_payloads, event), ..rule(event) }
}

pub(crate) fn logs_payloads(settings: &[Setting]) -> bool {
    is_on(settings, LOG_PAYLOADS)
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
    keep(&[], MAXIMUM_PAYLOAD)
}

#[cfg(test)]
mod tests;
