//! What the rules read of an event, by channel, as `@api.depends` of a computed field. The host passes nothing else, and
//! a verdict is used again for the next event with the same values.
//!
//! What differs from call to call (the user, the duration) is not read. The tests judge each event a second time with
//! the declared parts alone.

use super::{changes, record};
use crate::contract::Dependencies;

/// One line for some channels.
struct Line {
    channels: &'static [&'static str],
    fields: &'static [&'static str],
    facts: &'static [&'static [&'static str]],
    arguments: &'static [&'static [&'static str]],
}

const LINES: &[Line] = &[
    Line {
        channels: &["mcp", "stdio"],
        fields: &[
            "channel",
            "kind",
            "method",
            "target",
            "server",
            "path",
            "outcome",
            "has-duration",
            "client-name",
            "has-payload",
            "has-arguments",
        ],
        facts: &[&["phase"]],
        arguments: &[record::MODEL, record::ID, record::NAME],
    },
    Line {
        channels: &["oauth"],
        fields: &["channel", "kind", "method", "target", "path", "connection"],
        facts: &[&["client_id"]],
        arguments: &[],
    },
    Line {
        channels: &["api"],
        fields: &["channel", "method", "target", "server", "path", "has-payload", "has-arguments"],
        facts: &[&["llm_model", "provider"]],
        arguments: &[record::MODEL, record::ID, record::NAME],
    },
    Line {
        channels: &["admin"],
        fields: &["channel", "kind", "method", "target", "has-payload"],
        facts: &[&["resource_type", "resource_id", "resource_name"], changes::FACTS],
        arguments: &[changes::STATES],
    },
    Line {
        channels: &["system"],
        fields: &["channel", "kind", "method", "target", "has-payload"],
        facts: &[&["entry", "export", "cron", "key", "place", "sink", "hold", "view", "name", "alert"], changes::FACTS],
        arguments: &[changes::STATES],
    },
];

/// The lines for the manifest.
pub(crate) fn declared() -> Vec<Dependencies> {
    let owned = |names: &[&[&str]]| names.concat().into_iter().map(str::to_owned).collect();
    let line = |line: &Line| Dependencies {
        channels: owned(&[line.channels]),
        fields: owned(&[line.fields]),
        facts: owned(line.facts),
        arguments: owned(line.arguments),
    };
    LINES.iter().map(line).collect()
}

/// The event with the declared parts alone, as the host passes it.
#[cfg(test)]
pub(super) fn declared_parts(event: &crate::contract::Event) -> crate::contract::Event {
    let lines = declared();
    let line = lines.iter().find(|line| line.channels.contains(&event.channel));
    let Some(line) = line else { return event.clone() };
    let reads = |field: &str| line.fields.iter().any(|name| name == field);
    let text = |field, text: &Option<String>| text.clone().filter(|_| reads(field));
    crate::contract::Event {
        channel: text("channel", &Some(event.channel.clone())).unwrap_or_default(),
        kind: text("kind", &Some(event.kind.clone())).unwrap_or_default(),
        method: text("method", &event.method),
        target: text("target", &event.target),
        server: text("server", &event.server),
        path: text("path", &event.path),
        outcome: if reads("outcome") { event.outcome } else { crate::contract::Outcome::Success },
        outcome_detail: text("outcome-detail", &Some(event.outcome_detail.clone())).unwrap_or_default(),
        status_code: event.status_code.filter(|_| reads("status-code")),
        error_code: event.error_code.filter(|_| reads("error-code")),
        duration_us: event.duration_us.filter(|_| reads("duration-us")),
        has_duration: event.has_duration && reads("has-duration"),
        user: text("user", &event.user),
        connection: text("connection", &event.connection),
        instance: text("instance", &event.instance),
        client_name: text("client-name", &event.client_name),
        has_payload: event.has_payload && reads("has-payload"),
        has_arguments: event.has_arguments && reads("has-arguments"),
        arguments: event.arguments.iter().filter(|one| line.arguments.contains(&one.name)).cloned().collect(),
        facts: event.facts.iter().filter(|one| line.facts.contains(&one.name)).cloned().collect(),
    }
}
