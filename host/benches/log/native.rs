//! The default policy's rules called as plain Rust, with the same events as the sandbox.

use mcp_audit_log::Event;
use mcp_audit_log::event::Outcome;
use mcp_audit_log::settings::Settings;
use mcp_audit_log::value::Value;
use mcp_audit_log_policy::sdk::Policy as _;
use mcp_audit_log_policy::{DefaultPolicy, contract};

/// Judges without a sandbox.
pub(crate) fn judge(settings: &Settings, events: &[Event]) -> usize {
    let settings =
        settings.iter().map(|(key, setting)| contract::Setting { key: key.to_owned(), value: value(setting) });
    let (settings, events): (Vec<_>, Vec<_>) = (settings.collect(), events.iter().map(event).collect());
    DefaultPolicy::judge(&settings, &events).len()
}

/// Only the rules, on events that are already converted. Returns the duration.
pub(crate) fn rules_alone(events: &[Event]) -> std::time::Duration {
    let events: Vec<_> = events.iter().map(event).collect();
    let begun = std::time::Instant::now();
    std::hint::black_box(DefaultPolicy::judge(&[], &events));
    begun.elapsed()
}

/// Converts an event like `to_wit.rs` of the sandbox, which writes into its own types.
fn event(event: &Event) -> contract::Event {
    let argument = |argument: &mcp_audit_log::event::Argument| contract::Argument {
        name: argument.name.clone(),
        json: argument.json.clone(),
    };
    contract::Event {
        channel: event.channel.to_string(),
        kind: event.kind.to_string(),
        method: event.method.clone(),
        target: event.target.as_ref().map(|target| target.name().to_owned()),
        server: event.server.clone(),
        path: event.path.clone(),
        outcome: match event.detail.outcome() {
            Outcome::Pending => contract::Outcome::Error,
            Outcome::Success => contract::Outcome::Success,
            Outcome::Error => contract::Outcome::Error,
            Outcome::Denied => contract::Outcome::Denied,
        },
        outcome_detail: event.detail.to_string(),
        status_code: event.status_code,
        error_code: event.failure.as_ref().and_then(|failure| failure.code),
        duration_us: event.duration_us,
        user: event.caller.user.clone(),
        connection: event.caller.connection.clone(),
        instance: event.caller.instance.clone(),
        client_name: event.client.name.clone(),
        has_duration: event.duration_us.is_some(),
        has_payload: event.payload.is_some(),
        has_arguments: !event.arguments.is_empty(),
        arguments: event.arguments.iter().map(argument).collect(),
        facts: event.facts.iter().map(fact).collect(),
    }
}

fn fact((name, fact): &(String, Value)) -> contract::Fact {
    contract::Fact { name: name.clone(), value: value(fact) }
}

fn value(value: &Value) -> contract::Value {
    match value {
        Value::Unset => contract::Value::Unset,
        Value::Boolean(value) => contract::Value::Boolean(*value),
        Value::Integer(value) => contract::Value::Integer(*value),
        Value::Text(value) => contract::Value::Text(value.clone()),
    }
}
