//! From the host's types to the contract's: what the policy is told.

use super::bindings as wit;
use crate::access::Viewer;
use crate::event::{Event, Outcome};
use crate::settings::Settings;
use crate::value::Value;

pub(super) fn settings(settings: &Settings) -> Vec<wit::Setting> {
    settings.iter().map(|(key, value)| wit::Setting { key: key.to_owned(), value: self::value(value) }).collect()
}

pub(super) fn viewer(viewer: &Viewer) -> wit::Viewer {
    let Viewer { user, groups, instance } = viewer.clone();
    wit::Viewer { user, groups, instance }
}

/// The event without its payload; its arguments only for a policy that reads them.
pub(super) fn event(event: &Event, reads_arguments: bool) -> wit::Event {
    let argument =
        |argument: &crate::event::Argument| wit::Argument { name: argument.name.clone(), json: argument.json.clone() };
    wit::Event {
        channel: event.channel.to_string(),
        kind: event.kind.to_string(),
        method: event.method.clone(),
        target: event.target.as_ref().map(|target| target.name().to_owned()),
        server: event.server.clone(),
        path: event.path.clone(),
        outcome: outcome(event.detail.outcome()),
        outcome_detail: event.detail.to_string(),
        status_code: event.status_code,
        error_code: event.failure.as_ref().and_then(|failure| failure.code),
        duration_us: event.duration_us,
        user: event.caller.user.clone(),
        connection: event.caller.connection.clone(),
        instance: event.caller.instance.clone(),
        client_name: event.client.name.clone(),
        has_payload: event.payload.is_some(),
        arguments: if reads_arguments { event.arguments.iter().map(argument).collect() } else { Vec::new() },
        facts: event
            .facts
            .iter()
            .map(|(name, value)| wit::Fact { name: name.clone(), value: self::value(value) })
            .collect(),
    }
}

fn outcome(outcome: Outcome) -> wit::Outcome {
    match outcome {
        Outcome::Success => wit::Outcome::Success,
        Outcome::Error => wit::Outcome::Error,
        Outcome::Denied => wit::Outcome::Denied,
    }
}

fn value(value: &Value) -> wit::Value {
    match value {
        Value::Unset => wit::Value::Unset,
        Value::Boolean(value) => wit::Value::Boolean(*value),
        Value::Integer(value) => wit::Value::Integer(*value),
        Value::Text(value) => wit::Value::Text(value.clone()),
    }
}
