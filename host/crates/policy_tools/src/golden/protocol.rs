//! MCP over HTTP and over standard input and output: every method, outcome and shape, and calls that touch records.

use mcp_audit_log_model::event::{Caller, Channel, Event, Failure, Kind, OutcomeDetail, Target};
use serde_json::json;

use super::{GoldenEvent, call, ordinary, push};

/// Every method of every revision, with what it is applied to: a tool, a prompt, a resource, or something else.
const METHODS: [(&str, Kind, &str); 38] = [
    ("initialize", Kind::Request, ""),
    ("notifications/initialized", Kind::Notification, ""),
    ("ping", Kind::Request, ""),
    ("server/discover", Kind::Request, ""),
    ("tools/list", Kind::Request, ""),
    ("tools/call", Kind::Request, "tool"),
    ("TOOL", Kind::Request, "tool"),
    ("notifications/tools/list_changed", Kind::ServerNotification, ""),
    ("resources/list", Kind::Request, ""),
    ("resources/templates/list", Kind::Request, ""),
    ("resources/read", Kind::Request, "resource"),
    ("resources/subscribe", Kind::Request, "resource"),
    ("resources/unsubscribe", Kind::Request, "resource"),
    ("notifications/resources/updated", Kind::ServerNotification, "resource"),
    ("notifications/resources/list_changed", Kind::ServerNotification, ""),
    ("prompts/list", Kind::Request, ""),
    ("prompts/get", Kind::Request, "prompt"),
    ("notifications/prompts/list_changed", Kind::ServerNotification, ""),
    ("completion/complete", Kind::Request, "prompt"),
    ("logging/setLevel", Kind::Request, "other"),
    ("notifications/message", Kind::ServerNotification, ""),
    ("subscriptions/listen", Kind::Request, ""),
    ("notifications/subscriptions/acknowledged", Kind::ServerNotification, ""),
    ("tasks/get", Kind::Request, "other"),
    ("tasks/result", Kind::Request, "other"),
    ("tasks/list", Kind::Request, ""),
    ("tasks/update", Kind::Request, "other"),
    ("tasks/cancel", Kind::Request, "other"),
    ("notifications/tasks/status", Kind::ServerNotification, "other"),
    ("sampling/createMessage", Kind::ServerRequest, ""),
    ("elicitation/create", Kind::ServerRequest, ""),
    ("notifications/elicitation/complete", Kind::ServerNotification, ""),
    ("roots/list", Kind::ServerRequest, ""),
    ("notifications/roots/list_changed", Kind::Notification, ""),
    ("notifications/progress", Kind::ServerNotification, "other"),
    ("notifications/cancelled", Kind::Notification, "other"),
    ("foo/bar", Kind::Request, ""),
    ("x-vendor/do_it", Kind::Request, "other"),
];

pub(super) fn add(events: &mut Vec<GoldenEvent>) {
    for channel in [Channel::Mcp, Channel::Stdio] {
        for (method, kind, on) in METHODS {
            let target = target(on);
            push(events, format!("{channel} {method}"), Event { target, ..ordinary(channel, kind, method) });
        }
        for kind in Kind::ALL {
            let event = Event { target: None, payload: None, ..ordinary(channel, *kind, "GET") };
            push(events, format!("{channel} exchange of the kind {kind}"), event);
        }
    }
    outcomes(events);
    records(events);
    callers(events);
}

fn target(on: &str) -> Option<Target> {
    Some(match on {
        "tool" => Target::Tool("search".to_owned()),
        "prompt" => Target::Prompt("summary".to_owned()),
        "resource" => Target::Resource("file:///orders/7".to_owned()),
        "other" => Target::Other("t-42".to_owned()),
        _ => return None,
    })
}

/// How a call can end.
fn outcomes(events: &mut Vec<GoldenEvent>) {
    for detail in OutcomeDetail::ALL {
        let failure = Failure { code: Some(-32_602), ..Failure::new("tool_error", "The tool reported an error") };
        let failure = (*detail != OutcomeDetail::Ok).then_some(failure);
        push(
            events,
            format!("a tool call that ends as {detail}"),
            Event { detail: *detail, failure, ..call("search") },
        );
        let event = ordinary(Channel::Api, Kind::Request, "POST");
        let event = Event { detail: *detail, path: Some("/v1/orders".to_owned()), ..event };
        push(events, format!("an API call that ends as {detail}"), event);
    }
}

/// Calls that touch a business record, in the spellings that servers use.
fn records(events: &mut Vec<GoldenEvent>) {
    for arguments in [
        json!({ "model": "res.partner", "id": 7 }),
        json!({ "model": "account.move", "ids": [1, 2, 3] }),
        json!({ "res_model": "sale.order", "res_id": "SO42" }),
        json!({ "model": "res.partner", "record_name": "Acme" }),
        json!({ "model": null, "id": false }),
        json!({ "model": { "name": "res.partner" }, "id": [[]] }),
        json!({ "id": 9_007_199_254_740_993_i64 }),
        json!({ "id": 1.5, "model": "" }),
        json!({ "carrier": "post", "number": "00340434161094042557" }),
    ] {
        let members = arguments.as_object().into_iter().flatten();
        let event = members.fold(call("write"), |event, (name, value)| event.argument(name.as_str(), value));
        push(events, format!("a call with {arguments}"), event);
    }
    for uri in ["odoo://res.partner/record/42", "file:///{path}", "https://h/a/b", "x", "urn:isbn:0451450523"] {
        let event = ordinary(Channel::Mcp, Kind::Request, "resources/read");
        push(events, format!("a reading of {uri}"), Event { target: Some(Target::Resource(uri.to_owned())), ..event });
    }
}

/// Who can call.
fn callers(events: &mut Vec<GoldenEvent>) {
    for (name, caller) in [
        ("an unknown caller", Caller::default()),
        ("a user alone", Caller::user("ada")),
        ("a user of a tenant", Caller::user("ada").instance("acme")),
        ("a connection alone", Caller::default().connection("hub")),
        ("an agent for a user", Caller::user("ada").agent("bookkeeper", "run-7")),
        ("a tenant without a user", Caller::default().instance("acme")),
    ] {
        push(events, format!("a call by {name}"), Event { caller, ..call("search") });
    }
}
