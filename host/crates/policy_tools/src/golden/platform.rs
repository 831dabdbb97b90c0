//! What is no MCP: sign-in, the vendor's API, administration, and the log itself.

use mcp_audit_log_model::event::{
    AgentTools, BlockingPolicy, Channel, Event, Kind, OauthStep, OutcomeDetail, Resource, Target,
};
use mcp_audit_log_model::value::Value;
use serde_json::json;

use super::{GoldenEvent, NOW, call, ordinary, push};

pub(super) fn add(events: &mut Vec<GoldenEvent>) {
    oauth(events);
    api(events);
    changes(events);
    administration(events);
    system(events);
}

fn oauth(events: &mut Vec<GoldenEvent>) {
    for path in [
        "/authorize",
        "/oauth/token/",
        "/oauth2/v1/register",
        "/revoke",
        "/introspect",
        "/callback",
        "/.well-known/oauth-authorization-server",
        "/elsewhere",
        "",
    ] {
        let event = ordinary(Channel::Oauth, Kind::Http, "POST").fact("client_id", "c1");
        push(events, format!("an OAuth exchange at {path:?}"), Event { path: Some(path.to_owned()), ..event });
    }
    for step in OauthStep::ALL {
        push(events, format!("the step {step}"), Event::oauth(NOW, *step, "c1"));
    }
    push(events, "a connection that is made", Event::connection_created(NOW, "hub"));
    push(events, "a connection that is revoked", Event::connection_revoked(NOW, "hub"));
}

fn api(events: &mut Vec<GoldenEvent>) {
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        for status in [200, 201, 401, 404, 500] {
            let event = Event::api_call(NOW, method, "/v1/orders/7", status);
            push(events, format!("{method} answered with {status}"), event);
        }
    }
    let model = Event::api_call(NOW, "POST", "/v1/chat", 200).fact("provider", "acme").fact("llm_model", "m-1");
    push(events, "a call of a language model", model.fact("input_tokens", 1_000).fact("output_tokens", 100));
    push(events, "a call of a provider", Event::api_call(NOW, "POST", "/v1/chat", 200).fact("provider", "acme"));
    push(events, "a tunnelled call", Event::tunnel_call(NOW, "Hub Tunnel (hub)", "search"));
}

const KINDS: [&str; 9] =
    ["user", "api_key", "provider", "mcp_server", "policy", "agent", "model", "invoice", "mcp_oauth_client"];

fn changes(events: &mut Vec<GoldenEvent>) {
    let old = json!({ "name": "A", "enabled": false, "limits": { "day": 10 }, "tags": ["a", "b"] });
    let new = json!({ "name": "B", "enabled": true, "limits": { "day": 20, "hour": 2 }, "tags": ["b"] });
    for kind in KINDS {
        let on = || Resource::new(kind, format!("{kind}-7")).named("Seven");
        push(events, format!("{kind}.created"), Event::created(NOW, on(), &new));
        push(events, format!("{kind}.updated"), Event::updated(NOW, on(), &old, &new));
        push(events, format!("{kind}.deleted"), Event::deleted(NOW, on(), &old));
    }
    let long = json!({ "text": "x".repeat(20_000), "name": "B" });
    push(events, "a change of a long state", Event::updated(NOW, Resource::new("page", "7"), &old, &long));
    push(events, "a change of no object", Event::updated(NOW, Resource::new("page", "7"), &json!(1), &json!([2])));
}

fn administration(events: &mut Vec<GoldenEvent>) {
    let admin = |action: &str| Event::admin(NOW, action, Resource::user("7").named("Uma"));
    for (field, old, new) in [
        ("role", Value::from("user"), Value::from("admin")),
        ("enabled", false.into(), true.into()),
        ("limit", Value::Unset, 10.into()),
        ("api_key", "old".into(), "new".into()),
    ] {
        let event = admin("user.role_changed").fact("field", field).fact("old", old).fact("new", new);
        push(events, format!("a reported change of {field}"), event);
    }
    let blocked = BlockingPolicy { id: "p-1".into(), name: "No writes".into(), description: None };
    push(events, "a call that the platform blocked", call("write").blocked_by(blocked));
    let tools = AgentTools { allowed: vec!["search".into()], denied: vec!["write".into()], conditional: Vec::new() };
    push(events, "agent.connected", Event::agent_connected(NOW, Resource::agent("a-1").named("Bookkeeper"), &tools));
    for action in ["sso.configured", "announcement.archived", "PATCH", "user", "a.b.c", "User.Created", ".", ""] {
        push(events, format!("administration as {action:?}"), admin(action));
    }
}

/// What the log records of itself, with the facts that these entries have.
const SYSTEM: [(&str, &[(&str, &str)]); 25] = [
    ("log.started", &[("policy_digest", "sha256:00")]),
    ("log.stopped", &[]),
    ("log.gap", &[("reason", "full")]),
    ("log.verified", &[]),
    ("sign_in.succeeded", &[]),
    ("sign_in.failed", &[]),
    ("sign_in.ended", &[]),
    ("settings.updated", &[("setting", "retention_days"), ("old", "90"), ("new", "30")]),
    ("signing_key.added", &[("key", "k-1")]),
    ("signing.resumed", &[]),
    ("checkpoint.publishing_failed", &[("place", "archive")]),
    ("sink.failing", &[("sink", "siem")]),
    ("clock.confirmed", &[]),
    ("cron.started", &[("cron", "Cleanup")]),
    ("retention.started", &[("cron", "Cleanup")]),
    ("retention.completed", &[("cron", "Cleanup")]),
    ("export.started", &[("export", "e-1")]),
    ("export.completed", &[("export", "e-1")]),
    ("bundle.exported", &[]),
    ("payload.read", &[("entry", "01913c5e-7d2a-7000-8000-6a1b2c3d4e5f")]),
    ("payload.erased", &[("entry", "01913c5e-7d2a-7000-8000-6a1b2c3d4e5f")]),
    ("hold.placed", &[("hold", "h-1")]),
    ("view.shared", &[("view", "v-1"), ("name", "Errors")]),
    ("api_key.created", &[("resource_name", "laptop")]),
    ("tomorrow.invented", &[]),
];

fn system(events: &mut Vec<GoldenEvent>) {
    for (method, facts) in SYSTEM {
        let event = Event::new(NOW, Channel::System, Kind::System, OutcomeDetail::Ok);
        let event = facts.iter().fold(event, |event, (name, value)| event.fact(name, *value));
        let target = Some(Target::Other("7".to_owned()));
        push(events, format!("the log's own {method}"), Event { method: Some(method.to_owned()), target, ..event });
    }
}
