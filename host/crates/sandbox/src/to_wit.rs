//! Converts the arguments of a policy call: from the host's types to the contract's, borrowed.

use super::bindings as wit;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::{Event, Outcome};
use mcp_audit_log_model::value::Value;

pub(super) fn settings(settings: &Settings) -> Vec<wit::Setting<'_>> {
    settings.iter().map(|(key, value)| wit::Setting { key, value: self::value(value) }).collect()
}

/// The names of a viewer's groups, for [`viewer`].
pub(super) fn groups(viewer: &Viewer) -> Vec<&str> {
    viewer.groups.iter().map(String::as_str).collect()
}

pub(super) fn viewer<'a>(viewer: &'a Viewer, groups: &'a [&'a str]) -> wit::Viewer<'a> {
    wit::Viewer { user: &viewer.user, groups, instance: viewer.instance.as_deref() }
}

/// The lists inside of events, concatenated.
pub(super) struct EventLists<'a> {
    arguments: Vec<wit::Argument<'a>>,
    facts: Vec<wit::FactParam<'a>>,
}

impl<'a> EventLists<'a> {
    /// The lists of `events`; arguments only for a policy that reads them.
    pub(super) fn of(events: &'a [Event], reads_arguments: bool) -> Self {
        let arguments = events.iter().filter(|_| reads_arguments).flat_map(|event| &event.arguments);
        let facts = events.iter().flat_map(|event| &event.facts);
        Self {
            arguments: arguments.map(|argument| wit::Argument { name: &argument.name, json: &argument.json }).collect(),
            facts: facts.map(|(name, value)| wit::FactParam { name, value: self::value(value) }).collect(),
        }
    }

    /// The events with these lists, without their payloads.
    pub(super) fn events(&'a self, events: &'a [Event]) -> Vec<wit::Event<'a>> {
        let (mut arguments, mut facts) = (self.arguments.as_slice(), self.facts.as_slice());
        let lowered = events.iter().map(|event| wit::Event {
            arguments: first(&mut arguments, event.arguments.len()),
            facts: first(&mut facts, event.facts.len()),
            ..self::event(event)
        });
        lowered.collect()
    }
}

/// Takes the first `count` items, or all if there are fewer.
fn first<'a, T>(items: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, rest) = items.split_at(count.min(items.len()));
    *items = rest;
    first
}

/// An event without its lists.
fn event(event: &Event) -> wit::Event<'_> {
    wit::Event {
        channel: event.channel.as_str(),
        kind: event.kind.as_str(),
        method: event.method.as_deref(),
        target: event.target.as_ref().map(|target| target.name()),
        server: event.server.as_deref(),
        path: event.path.as_deref(),
        outcome: outcome(event.detail.outcome()),
        outcome_detail: event.detail.as_str(),
        status_code: event.status_code,
        error_code: event.failure.as_ref().and_then(|failure| failure.code),
        duration_us: event.duration_us,
        user: event.caller.user.as_deref(),
        connection: event.caller.connection.as_deref(),
        instance: event.caller.instance.as_deref(),
        client_name: event.client.name.as_deref(),
        has_payload: event.payload.is_some(),
        arguments: &[],
        facts: &[],
    }
}

fn outcome(outcome: Outcome) -> wit::Outcome {
    match outcome {
        Outcome::Success => wit::Outcome::Success,
        Outcome::Error => wit::Outcome::Error,
        Outcome::Denied => wit::Outcome::Denied,
        // The contract has no case for pending; the exact outcome has it.
        Outcome::Pending => wit::Outcome::Error,
    }
}

fn value(value: &Value) -> wit::ValueParam<'_> {
    match value {
        Value::Unset => wit::ValueParam::Unset,
        Value::Boolean(value) => wit::ValueParam::Boolean(*value),
        Value::Integer(value) => wit::ValueParam::Integer(*value),
        Value::Text(value) => wit::ValueParam::Text(value),
    }
}
