//! The rules for MCP, over HTTP and stdio alike: every method of every revision, and whatever else comes.

use super::{action, record};
use crate::contract::{Affected, Event, Outcome, Verdict};
use crate::sdk::verdict::{by_id, by_name, called, text_fact};

/// The kind of object that a method acts on.
#[derive(Clone, Copy)]
enum On {
    Server,
    Client,
    Tool,
    Prompt,
    Resource,
    /// `completion/complete` is about a prompt or a resource template.
    Reference,
    Task,
    /// A request that is still running, by its id.
    Request,
}

/// The action of each method, the most frequent one first, then by feature.
const METHODS: &[(&str, &str, On)] = &[
    ("tools/call", "tool.called", On::Tool),
    ("tools/list", "tool.listed", On::Server),
    ("notifications/tools/list_changed", "tool.list_changed", On::Server),
    ("resources/read", "resource.read", On::Resource),
    ("resources/list", "resource.listed", On::Server),
    ("resources/templates/list", "resource_template.listed", On::Server),
    ("resources/subscribe", "resource.subscribed", On::Resource),
    ("resources/unsubscribe", "resource.unsubscribed", On::Resource),
    ("notifications/resources/updated", "resource.updated", On::Resource),
    ("notifications/resources/list_changed", "resource.list_changed", On::Server),
    ("prompts/get", "prompt.got", On::Prompt),
    ("prompts/list", "prompt.listed", On::Server),
    ("notifications/prompts/list_changed", "prompt.list_changed", On::Server),
    ("completion/complete", "completion.requested", On::Reference),
    ("initialize", "session.initialized", On::Server),
    ("notifications/initialized", "session.confirmed", On::Server),
    ("server/discover", "server.discovered", On::Server),
    ("ping", "session.pinged", On::Server),
    ("logging/setLevel", "logging.level_set", On::Server),
    ("notifications/message", "logging.sent", On::Server),
    ("subscriptions/listen", "subscription.opened", On::Server),
    ("notifications/subscriptions/acknowledged", "subscription.acknowledged", On::Server),
    ("tasks/get", "task.got", On::Task),
    ("tasks/result", "task.result_got", On::Task),
    ("tasks/list", "task.listed", On::Server),
    ("tasks/update", "task.updated", On::Task),
    ("tasks/cancel", "task.cancelled", On::Task),
    ("notifications/tasks/status", "task.status_changed", On::Task),
    ("sampling/createMessage", "sampling.requested", On::Client),
    ("elicitation/create", "elicitation.requested", On::Client),
    ("notifications/elicitation/complete", "elicitation.completed", On::Client),
    ("roots/list", "root.listed", On::Client),
    ("notifications/roots/list_changed", "root.list_changed", On::Client),
    ("notifications/progress", "request.progressed", On::Request),
    ("notifications/cancelled", "request.cancelled", On::Request),
    // A tunnel's or relay's name for a tool call.
    ("TOOL", "tool.called", On::Tool),
];

/// The argument in which a tunnel or relay passes the tool's name.
const TOOL_PATH: &str = "/mcp/tool/";

/// The verdict on an MCP event.
pub(super) fn rule(event: &Event) -> Verdict {
    match event.kind.as_str() {
        "stream" => about_server(event, stream(event)),
        "session" => about_server(event, "session.deleted"),
        "http" if tunnelled(event).is_none() => about_server(event, exchange(event)),
        _ => message(event),
    }
}

/// A tool call that came through a tunnel or relay, on whatever channel it is captured.
pub(super) fn tunnelled(event: &Event) -> Option<Verdict> {
    (event.method.as_deref() == Some("TOOL")).then(|| message(event))
}

fn message(event: &Event) -> Verdict {
    let method = event.method.as_deref();
    let known = METHODS.iter().find(|(name, ..)| method == Some(*name));
    let Some(&(_, action, on)) = known else {
        return about_server(event, action::spelled("mcp", method));
    };
    record::add(event, Verdict { affected: affected(on, event), ..called(action) })
}

fn affected(on: On, event: &Event) -> Option<Affected> {
    let target = event.target.as_deref();
    match on {
        On::Server => by_name("server", event.server.as_deref()),
        On::Client => by_name("client", event.client_name.as_deref()),
        On::Tool => by_name("tool", target.or_else(|| event.path.as_deref()?.strip_prefix(TOOL_PATH))),
        On::Prompt => by_name("prompt", target),
        On::Resource => by_id("resource", target),
        On::Reference if target.is_some_and(|name| name.contains("://")) => by_id("resource_template", target),
        On::Reference => by_name("prompt", target),
        On::Task => by_id("task", target),
        On::Request => by_id("request", target),
    }
}

fn about_server(event: &Event, action: impl Into<String>) -> Verdict {
    Verdict { affected: affected(On::Server, event), ..called(action) }
}

/// A fact names the end of the stream. Without one, only a stream that has ended has a duration.
fn stream(event: &Event) -> &'static str {
    match (text_fact(event, "phase"), event.has_duration) {
        (Some("opened"), _) | (None, false) => "stream.opened",
        _ => "stream.closed",
    }
}

/// An exchange without a readable message: refused, broken, or not MCP at all.
fn exchange(event: &Event) -> &'static str {
    if matches!(event.outcome, Outcome::Success) { "request.passed" } else { "request.rejected" }
}

/// The actions that this channel gives, for the test that all of them are in the catalogue.
#[cfg(test)]
pub(super) fn actions() -> impl Iterator<Item = &'static str> {
    let others = ["stream.opened", "stream.closed", "session.deleted", "request.passed", "request.rejected"];
    METHODS.iter().map(|(_, action, _)| *action).chain(others)
}
