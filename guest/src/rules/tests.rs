//! The rules from the outside: each method's action, the payload switch, changes, and that no event goes without.

use super::*;
use crate::contract::{Argument, Fact, KeepPayload, Outcome, Value};
use crate::data::actions;
use crate::sdk::verdict::{LONGEST, cut};

fn event(channel: &str, kind: &str, method: Option<&str>) -> Event {
    Event {
        channel: channel.to_owned(),
        kind: kind.to_owned(),
        method: method.map(str::to_owned),
        target: None,
        server: Some("crm".to_owned()),
        path: None,
        outcome: Outcome::Success,
        outcome_detail: "ok".to_owned(),
        status_code: Some(200),
        error_code: None,
        duration_us: Some(1_200),
        has_duration: true,
        user: Some("ada".to_owned()),
        connection: None,
        instance: None,
        client_name: Some("inspector".to_owned()),
        has_payload: false,
        has_arguments: false,
        arguments: Vec::new(),
        facts: Vec::new(),
    }
}

/// The verdict on an event, as the host would describe it. It must be the same for the declared parts alone.
fn rule(event: &Event) -> Verdict {
    let (has_duration, has_arguments) = (event.duration_us.is_some(), !event.arguments.is_empty());
    let event = Event { has_duration, has_arguments, ..event.clone() };
    let verdict = super::rule(&event);
    assert_eq!(super::rule(&depends::declared_parts(&event)), verdict, "it reads what it does not declare: {event:?}");
    verdict
}

/// Every channel, shape and method, with everything that any rule could read.
#[test]
fn what_is_not_declared_is_not_read() {
    let names = depends::declared().into_iter().flat_map(|line| line.facts).chain(["other".to_owned()]);
    let facts: Vec<_> = names.map(|name| fact(&name, text(&format!("{name}!")))).collect();
    let argument = |(name, json): (&str, &str)| Argument { name: name.to_owned(), json: json.to_owned() };
    let arguments = [("q", "1"), ("model", "\"res.partner\""), ("id", "5"), ("record_name", "\"x\""), ("new", "7")];
    let arguments: Vec<_> = arguments.map(argument).into();
    let methods = actions::declared().into_iter().map(|action| action.name);
    let methods: Vec<_> =
        methods.chain(["tools/call", "resources/read", "TOOL", "POST", "x"].map(str::to_owned)).collect();
    let mut judged = 0;
    for channel in ["mcp", "stdio", "oauth", "api", "admin", "system", "another"] {
        for kind in ["request", "http", "stream", "session", "system", "intent"] {
            for method in methods.iter().map(|method| Some(method.as_str())).chain([None]) {
                for (facts, arguments) in [(facts.clone(), arguments.clone()), (Vec::new(), Vec::new())] {
                    let names = || Some("odoo://res.partner/record/42".to_owned());
                    let (target, path, connection) = (names(), names(), names());
                    let event = Event { target, path, connection, facts, arguments, ..event(channel, kind, method) };
                    rule(&Event { outcome: Outcome::Denied, ..event });
                    judged += 1;
                }
            }
        }
    }
    assert!(judged > 5_000, "{judged}");
}

fn mcp(method: &str) -> Event {
    event("mcp", "request", Some(method))
}

fn fact(name: &str, value: Value) -> Fact {
    Fact { name: name.to_owned(), value }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn switch(on: Value) -> Vec<Setting> {
    vec![Setting { key: LOG_PAYLOADS.to_owned(), value: on }]
}

/// `kind id name`, with `-` for what is absent.
fn affected(verdict: &Verdict) -> String {
    verdict.affected.as_ref().map_or_else(String::new, |affected| {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        format!("{} {} {}", affected.kind, or_dash(&affected.id), or_dash(&affected.name))
    })
}

#[test]
fn every_method_has_its_action() {
    for (method, action, on) in [
        ("initialize", "session.initialized", "server - crm"),
        ("notifications/initialized", "session.confirmed", "server - crm"),
        ("ping", "session.pinged", "server - crm"),
        ("server/discover", "server.discovered", "server - crm"),
        ("tools/list", "tool.listed", "server - crm"),
        ("tools/call", "tool.called", "tool - it"),
        ("TOOL", "tool.called", "tool - it"),
        ("notifications/tools/list_changed", "tool.list_changed", "server - crm"),
        ("resources/list", "resource.listed", "server - crm"),
        ("resources/templates/list", "resource_template.listed", "server - crm"),
        ("resources/read", "resource.read", "resource it -"),
        ("resources/subscribe", "resource.subscribed", "resource it -"),
        ("resources/unsubscribe", "resource.unsubscribed", "resource it -"),
        ("notifications/resources/updated", "resource.updated", "resource it -"),
        ("notifications/resources/list_changed", "resource.list_changed", "server - crm"),
        ("prompts/list", "prompt.listed", "server - crm"),
        ("prompts/get", "prompt.got", "prompt - it"),
        ("notifications/prompts/list_changed", "prompt.list_changed", "server - crm"),
        ("completion/complete", "completion.requested", "prompt - it"),
        ("logging/setLevel", "logging.level_set", "server - crm"),
        ("notifications/message", "logging.sent", "server - crm"),
        ("subscriptions/listen", "subscription.opened", "server - crm"),
        ("notifications/subscriptions/acknowledged", "subscription.acknowledged", "server - crm"),
        ("tasks/get", "task.got", "task it -"),
        ("tasks/result", "task.result_got", "task it -"),
        ("tasks/list", "task.listed", "server - crm"),
        ("tasks/update", "task.updated", "task it -"),
        ("tasks/cancel", "task.cancelled", "task it -"),
        ("notifications/tasks/status", "task.status_changed", "task it -"),
        ("sampling/createMessage", "sampling.requested", "client - inspector"),
        ("elicitation/create", "elicitation.requested", "client - inspector"),
        ("notifications/elicitation/complete", "elicitation.completed", "client - inspector"),
        ("roots/list", "root.listed", "client - inspector"),
        ("notifications/roots/list_changed", "root.list_changed", "client - inspector"),
        ("notifications/progress", "request.progressed", "request it -"),
        ("notifications/cancelled", "request.cancelled", "request it -"),
        ("foo/bar", "mcp.foo_bar", "server - crm"),
    ] {
        for channel in ["mcp", "stdio"] {
            let verdict = rule(&Event { target: Some("it".to_owned()), channel: channel.to_owned(), ..mcp(method) });
            assert_eq!((verdict.action.as_str(), affected(&verdict).as_str()), (action, on), "{method}");
        }
    }
}

#[test]
fn exchanges_without_a_message_have_an_action() {
    let action = |event: Event| rule(&event).action;
    let stream = || event("mcp", "stream", Some("GET"));
    assert_eq!(action(stream()), "stream.closed");
    assert_eq!(action(Event { duration_us: None, ..stream() }), "stream.opened");
    assert_eq!(action(Event { facts: vec![fact("phase", text("opened"))], ..stream() }), "stream.opened");
    assert_eq!(action(event("mcp", "session", Some("DELETE"))), "session.deleted");
    let denied = Event { outcome: Outcome::Denied, ..event("mcp", "http", Some("POST")) };
    assert_eq!(action(denied), "request.rejected");
    assert_eq!(action(event("mcp", "http", Some("POST"))), "request.passed");
    assert_eq!(action(event("mcp", "request", None)), "mcp.unknown");
}

#[test]
fn a_tunnel_names_its_tool_in_the_path() {
    for (channel, kind) in [("mcp", "request"), ("mcp", "http"), ("api", "http"), ("api", "request")] {
        let event = Event { path: Some("/mcp/tool/search".to_owned()), ..event(channel, kind, Some("TOOL")) };
        let verdict = rule(&event);
        assert_eq!((verdict.action.as_str(), affected(&verdict).as_str()), ("tool.called", "tool - search"));
    }
}

#[test]
fn templates_and_prompts_differ() {
    let verdict = rule(&Event { target: Some("file:///{path}".to_owned()), ..mcp("completion/complete") });
    assert_eq!(affected(&verdict), "resource_template file:///{path} -");
}

#[test]
fn oauth_is_known_by_its_paths() {
    for (path, action) in [
        ("/authorize", "oauth.authorize"),
        ("/oauth/token/", "oauth.token"),
        ("/oauth2/v1/register", "oauth.register"),
        ("/revoke", "oauth.revoke"),
        ("/.well-known/oauth-protected-resource/mcp/token", "oauth.discover"),
        ("/.well-known/oauth-authorization-server", "oauth.discover"),
        ("/elsewhere", "oauth.requested"),
        ("", "oauth.requested"),
    ] {
        let client = vec![fact("client_id", text("c1"))];
        let verdict =
            rule(&Event { path: Some(path.to_owned()), facts: client, ..event("oauth", "http", Some("POST")) });
        assert_eq!((verdict.action.as_str(), affected(&verdict).as_str()), (action, "oauth_client c1 -"), "{path}");
    }
    let created = Event { target: Some("Hub".to_owned()), ..event("oauth", "request", Some("connection.created")) };
    assert_eq!(affected(&rule(&created)), "connection - Hub");
}

#[test]
fn administrative_actions_keep_the_vendors_name() {
    let facts = vec![
        fact("resource_name", text("Claude")),
        fact("field", text("api_key")),
        fact("old", text("sk-old")),
        fact("new", text("sk-new")),
        fact("field", text("enabled")),
        fact("old", Value::Boolean(false)),
        fact("new", Value::Boolean(true)),
    ];
    let verdict =
        rule(&Event { target: Some("p1".to_owned()), facts, ..event("admin", "request", Some("provider.updated")) });
    assert_eq!((verdict.action.as_str(), affected(&verdict).as_str()), ("provider.updated", "provider p1 Claude"));
    let change = |field: &str, old, new| crate::contract::Change { field: field.to_owned(), old, new };
    let masked = || text("[masked]");
    let enabled = change("enabled", Value::Boolean(false), Value::Boolean(true));
    assert_eq!(verdict.changes, [change("api_key", masked(), masked()), enabled]);
    assert_eq!(rule(&event("admin", "request", Some("PATCH"))).action, "admin.patch");
    assert_eq!(rule(&event("tomorrow", "dream", None)).action, "admin.unknown");
}

#[test]
fn the_peer_of_an_http_exchange_cannot_name_an_action() {
    for (channel, path, action) in
        [("oauth", "/token", "oauth.token"), ("admin", "/x", "admin.user_role_changed"), ("api", "/x", "api.called")]
    {
        let event = Event { path: Some(path.to_owned()), ..event(channel, "http", Some("user.role_changed")) };
        assert_eq!(rule(&event).action, action);
    }
}

#[test]
fn a_call_that_used_a_language_model_is_a_model_call() {
    let call = |facts| rule(&Event { facts, ..event("api", "request", Some("POST")) });
    let verdict = call(vec![fact("provider", text("anthropic")), fact("llm_model", text("claude-x"))]);
    assert_eq!((verdict.action.as_str(), affected(&verdict).as_str()), ("model.called", "model - claude-x"));
    assert_eq!(call(vec![fact("provider", text("anthropic"))]).action, "model.called");
    assert_eq!(call(Vec::new()).action, "api.called");
    assert_eq!(verdict.model, None, "the business model is another thing");
}

#[test]
fn a_changed_setting_shows_old_and_new() {
    let facts =
        vec![fact("setting", text("retention_days")), fact("old", Value::Integer(90)), fact("new", Value::Integer(30))];
    let verdict = rule(&Event { facts, ..event("system", "system", Some("settings.updated")) });
    assert_eq!(
        (verdict.action.as_str(), affected(&verdict).as_str()),
        ("settings.updated", "setting retention_days -")
    );
    assert_eq!(verdict.changes.len(), 1);
    assert_eq!(verdict.changes[0].old, Value::Integer(90));
    assert_eq!(verdict.changes[0].new, Value::Integer(30));
    let read = Event { facts: vec![fact("entry", text("e1"))], ..event("system", "system", Some("payload.read")) };
    assert_eq!(affected(&rule(&read)), "entry e1 -");
    let orphan = Event { facts: vec![fact("old", Value::Unset)], ..event("system", "system", Some("log.gap")) };
    assert_eq!(rule(&orphan).changes, []);
}

#[test]
fn holds_and_shared_views_have_their_ids() {
    let of = |method: &str, facts| affected(&rule(&Event { facts, ..event("system", "system", Some(method)) }));
    assert_eq!(of("hold.placed", vec![fact("hold", text("h1")), fact("reason", text("case 7"))]), "hold h1 -");
    assert_eq!(of("view.shared", vec![fact("view", text("v1")), fact("name", text("errors"))]), "view v1 errors");
    assert_eq!(of("export.completed", vec![fact("export", text("x1"))]), "export x1 -");
    for method in [
        "export.started",
        "export.failed",
        "hold.placed",
        "hold.released",
        "view.shared",
        "view.updated",
        "view.deleted",
    ] {
        assert!(crate::data::actions::declared().iter().any(|action| action.name == method), "{method}");
    }
}

#[test]
fn payloads_are_kept_only_when_the_switch_is_on() {
    let with_payload = |channel: &str| Event { has_payload: true, ..event(channel, "request", Some("tools/call")) };
    let kept = |settings: &[Setting], event: Event| {
        judge(settings, &[event]).iter().any(|verdict| matches!(verdict.payload, PayloadDecision::Keep(_)))
    };
    assert!(kept(&switch(Value::Boolean(true)), with_payload("mcp")));
    assert!(!kept(&switch(Value::Boolean(true)), mcp("tools/call")));
    assert!(!kept(&switch(Value::Boolean(true)), with_payload("oauth")));
    for off in [Value::Boolean(false), Value::Unset, Value::Integer(1), text("true")] {
        assert!(!kept(&switch(off), with_payload("mcp")));
    }
    assert!(!kept(&[], with_payload("mcp")));
}

#[test]
fn a_payload_is_kept_up_to_64_kib() {
    let event = Event { has_payload: true, ..mcp("tools/call") };
    let verdicts = judge(&switch(Value::Boolean(true)), &[event]);
    let expected = PayloadDecision::Keep(KeepPayload { masks: Vec::new(), max_bytes: 65_536 });
    assert_eq!(verdicts[0].payload, expected);
}

#[test]
fn of_the_arguments_only_the_record_is_extracted() {
    let argument = |name: &str, json: &str| Argument { name: name.to_owned(), json: json.to_owned() };
    let call = |arguments| rule(&Event { target: Some("get".to_owned()), arguments, ..mcp("tools/call") });
    let verdict =
        call(vec![argument("q", "\"canary\""), argument("id", "\"canary\""), argument("model", "\"canary\"")]);
    assert!(!format!("{verdict:?}").contains("canary"));
    let verdict =
        call(vec![argument("model", "\"res.partner\""), argument("id", "5"), argument("values", "\"canary\"")]);
    assert_eq!((verdict.model.as_deref(), verdict.record_id.as_deref()), (Some("res.partner"), Some("5")));
    assert!(!format!("{verdict:?}").contains("canary"));
}

#[test]
fn no_caller_can_make_an_answer_too_long() {
    let long = "ä".repeat(100_000);
    for (channel, method) in
        [("mcp", "tools/call"), ("oauth", "POST"), ("api", "TOOL"), ("admin", "user.deleted"), ("system", "log.gap")]
    {
        let mut facts: Vec<_> =
            ["client_id", "resource_type", "resource_name", "entry"].map(|name| fact(name, text(&long))).into();
        facts.extend([fact("field", text(&long)), fact("old", text(&long)), fact("new", Value::Integer(1))]);
        facts.extend((0..2_000).map(|_| fact("field", text("x"))));
        let names = || Some(long.clone());
        let verdict = rule(&Event {
            target: names(),
            server: names(),
            path: names(),
            facts,
            ..event(channel, "request", Some(method))
        });
        let Verdict { action, affected, changes, .. } = verdict;
        assert!(action.len() <= LONGEST && changes.len() <= 1_000, "{channel}");
        let affected = affected.map(|affected| [Some(affected.kind), affected.id, affected.name]);
        assert!(affected.iter().flatten().flatten().all(|text| text.len() <= LONGEST), "{channel}");
        let values = changes.iter().flat_map(|change| [&change.old, &change.new]);
        assert!(values.clone().all(|value| !matches!(value, Value::Text(text) if text.len() > LONGEST)), "{channel}");
    }
}

#[test]
fn a_cut_text_is_as_long_as_it_may_be() {
    assert_eq!(cut(&"a".repeat(1_024)), "a".repeat(1_024));
    assert_eq!(cut(&"a".repeat(1_025)), format!("{}…", "a".repeat(1_021)));
    assert_eq!(cut(&"😀".repeat(1_000)), format!("{}…", "😀".repeat(255)));
}

#[test]
fn verdicts_have_the_order_of_the_events() {
    let events: Vec<_> = (0..4_096).map(|n| Event { target: Some(n.to_string()), ..mcp("tools/call") }).collect();
    let verdicts = judge(&[], &events);
    assert_eq!(verdicts.len(), events.len());
    assert!(verdicts.iter().enumerate().all(|(n, verdict)| affected(verdict) == format!("tool - {n}")));
    assert_eq!(judge(&[], &[]), []);
}

#[test]
fn the_catalogue_has_every_action_once() {
    let names: Vec<_> = actions::declared().into_iter().map(|action| action.name).collect();
    for action in mcp::actions().chain(oauth::actions()).chain(["api.called", "model.called"]) {
        assert!(names.iter().any(|name| name == action), "{action}");
    }
    for (at, name) in names.iter().enumerate() {
        assert!(!names[at + 1..].contains(name), "{name} is there twice");
        assert_eq!(action::named(&event("admin", "request", Some(name))), Some(name.as_str()), "{name}");
    }
}
