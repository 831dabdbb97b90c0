//! Events from the constructors, and what they leave out.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;

const NOW: Timestamp = Timestamp::EPOCH;

fn fact<'a>(event: &'a Event, name: &str) -> Option<&'a Value> {
    event.facts.iter().find(|(fact, _)| fact == name).map(|(_, value)| value)
}

fn text(event: &Event, name: &str) -> Option<String> {
    fact(event, name).map(Value::to_string)
}

fn state(event: &Event, name: &str) -> Option<Json> {
    let argument = event.arguments.iter().find(|argument| argument.name == name)?;
    serde_json::from_str(&argument.json).ok()
}

#[test]
fn an_api_call_has_its_status_and_no_query() {
    let parent = new_id(NOW);
    let call = |status| Event::api_call(NOW, "POST", "/v1/orders?key=secret#top", status);
    let event = call(201).by(Caller::user("uma").connection("cli")).under(parent).took(Duration::from_millis(3));
    assert_eq!(
        (event.channel, event.method.as_deref(), event.path.as_deref()),
        (Channel::Api, Some("POST"), Some("/v1/orders"))
    );
    assert_eq!((event.parent, event.duration_us, event.detail), (Some(parent), Some(3_000), OutcomeDetail::Ok));
    assert_eq!((event.caller.connection.as_deref(), event.failure), (Some("cli"), None));
    for (status, detail) in [
        (302, OutcomeDetail::Ok),
        (401, OutcomeDetail::Denied),
        (403, OutcomeDetail::Denied),
        (404, OutcomeDetail::Rejected),
        (503, OutcomeDetail::Rejected),
    ] {
        let event = call(status);
        let kind = event.failure.map(|failure| failure.kind);
        assert_eq!((event.detail, kind), (detail, (status >= 400).then(|| status.to_string())), "{status}");
    }
}

#[test]
fn a_tunnel_is_recorded_as_the_connection() {
    let event = Event::tunnel_call(NOW, "Hub Tunnel (hub)", "search").by(Caller::user("uma").connection("laptop"));
    assert_eq!((event.method.as_deref(), event.path.as_deref()), (Some("TOOL"), Some("/mcp/tool/search")));
    let caller = event.caller;
    assert_eq!((caller.user.as_deref(), caller.connection.as_deref()), (Some("uma"), Some("Hub Tunnel (hub)")));
}

#[test]
fn a_failure_is_never_a_success() {
    let failed =
        |detail| Event::oauth(NOW, OauthStep::Token, "c1").failed(detail, "invalid_grant", "The code is used up");
    assert_eq!(failed(OutcomeDetail::Rejected).detail, OutcomeDetail::Rejected);
    assert_eq!(failed(OutcomeDetail::Ok).detail.outcome(), Outcome::Error);
    assert_eq!(failed(OutcomeDetail::Denied).failure.map(|failure| failure.kind).as_deref(), Some("invalid_grant"));
}

#[test]
fn a_blocked_call_carries_the_policy_as_it_was() {
    let policy = BlockingPolicy { id: "pol-1".into(), name: "No deletes".into(), description: Some("Never".into()) };
    let event = Event::tool_call(NOW, "crm", "delete").blocked_by(policy);
    assert_eq!(event.detail.outcome(), Outcome::Denied);
    assert_eq!(event.failure.as_ref().map(|failure| failure.kind.as_str()), Some("blocked_by_policy"));
    let told = ["policy", "policy_name", "policy_description"].map(|name| text(&event, name));
    assert_eq!(told, [Some("pol-1".into()), Some("No deletes".into()), Some("Never".into())]);
}

#[test]
fn the_verb_follows_from_the_event() {
    let server = || Resource::mcp_server("s1").named("GitHub");
    let (old, new) = (json!({ "url": "a" }), json!({ "url": "b" }));
    let events = [
        Event::created(NOW, server(), &new),
        Event::updated(NOW, server(), &old, &new),
        Event::deleted(NOW, server(), &old),
        Event::admin(NOW, "mcp_server.paused", server()),
    ];
    let methods = events.each_ref().map(|event| event.method.as_deref().unwrap_or_default());
    assert_eq!(methods, ["mcp_server.created", "mcp_server.updated", "mcp_server.deleted", "mcp_server.paused"]);
    let states = events.each_ref().map(|event| (state(event, "old"), state(event, "new")));
    let (old, new) = (Some(old), Some(new));
    assert_eq!(states, [(None, new.clone()), (old.clone(), new), (old, None), (None, None)]);
    assert_eq!(text(&events[0], "resource_name").as_deref(), Some("GitHub"));
}

#[test]
fn lists_of_an_agents_tools_are_bounded() {
    let many: Vec<_> = (0..500).map(|n| format!("tool_{n}")).collect();
    let tools = AgentTools { allowed: vec!["read".into(), "find".into()], denied: many, conditional: Vec::new() };
    let event = Event::agent_connected(NOW, Resource::agent("a1").named("planner"), &tools);
    assert_eq!(event.caller.agent.as_deref(), Some("planner"));
    assert_eq!(text(&event, "tools_allowed").as_deref(), Some("read, find"));
    assert_eq!(text(&event, "tools_conditional").as_deref(), Some(""));
    let denied = text(&event, "tools_denied").unwrap_or_default();
    let named = denied.matches("tool_").count();
    assert!(denied.len() < 1_024 && denied.ends_with(&format!(" and {} more", 500 - named)), "{denied}");
}

#[test]
fn known_usage_becomes_facts() {
    let usage = ModelUsage::of("anthropic", "claude-x").tokens(1_200, u64::MAX).api_key("CI");
    let event = Event::api_call(NOW, "POST", "/v1/messages", 200).used(usage);
    assert_eq!(fact(&event, "input_tokens"), Some(&Value::Integer(1_200)));
    assert_eq!(fact(&event, "output_tokens"), Some(&Value::Integer(i64::MAX)));
    assert_eq!((fact(&event, "cost_micros"), text(&event, "api_key").as_deref()), (None, Some("CI")));
}

#[test]
fn long_states_are_reduced_to_their_differences() {
    let long =
        |text: &str| json!({ "same": "x".repeat(20_000), "text": text.repeat(5_000), "deep": { "n": text, "m": 1 } });
    let event = Event::updated(NOW, Resource::policy("p"), &long("a"), &long("b"));
    assert_eq!(state(&event, "old"), Some(json!({ "text": "[5002 bytes]", "deep": { "n": "a" } })));
    assert_eq!(state(&event, "new"), Some(json!({ "text": "[5002 bytes, other]", "deep": { "n": "b" } })));
    assert_eq!(fact(&event, "changes_left_out"), None);
}

#[test]
fn unchanged_values_take_no_room() {
    let state = |last: u32| {
        let same = (0..10_000).map(|n| (format!("key_{n}"), Json::from(n)));
        Json::Object(same.chain([("last".to_owned(), last.into())]).collect())
    };
    let event = Event::updated(NOW, Resource::policy("p"), &state(1), &state(2));
    assert_eq!(state_of(&event), (Some(json!({ "last": 1 })), Some(json!({ "last": 2 }))));
    assert_eq!(fact(&event, "changes_left_out"), None);
}

fn state_of(event: &Event) -> (Option<Json>, Option<Json>) {
    (state(event, "old"), state(event, "new"))
}

#[test]
fn huge_states_are_cut_and_the_rest_is_counted() {
    let huge: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("key_{n}"), Json::from(n))).collect();
    let event = Event::created(NOW, Resource::policy("p"), &Json::Object(huge));
    let kept = state(&event, "new").and_then(|new| Some(new.as_object()?.len())).unwrap_or_default();
    let left_out = text(&event, "changes_left_out").and_then(|text| text.parse::<usize>().ok());
    assert!(kept > 500);
    assert_eq!(left_out, Some(10_000 - kept));
    assert!(event.arguments.iter().all(|argument| argument.json.len() < 40 << 10));
    let list = json!({ "rules": vec![json!({ "tool": "x" }); 50_000] });
    let event = Event::updated(NOW, Resource::policy("p"), &json!({}), &list);
    assert!(state(&event, "new").is_some_and(|new| new["rules"].is_string()));
}
