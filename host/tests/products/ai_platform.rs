//! C: an AI platform. Its administrators change settings, its developers use models, and its tenants are separate.

use mcp_audit_log::Right;
use mcp_audit_log::Viewer;
use mcp_audit_log::event::{Caller, Event, ModelUsage, Resource};
use mcp_audit_log::field::Field;
use serde_json::{Value as Json, json};

use crate::support::{World, assert_nowhere, changes, viewer};

const PRICES: &str = r#"[
    { "provider": "anthropic", "model": "claude-*", "input": 3.0, "output": 15.0 },
    { "provider": "openai", "model": "gpt-mini", "input": 0.15, "output": 0.6 }
]"#;

fn of(instance: &str, user: &str, groups: &[&str]) -> Viewer {
    Viewer { instance: Some(instance.into()), ..viewer(user, groups) }
}

async fn played() -> World {
    let world = World::priced(PRICES);
    let now = world.now();
    let ada = || Caller::user("ada").instance("eu");
    let key = || Resource::api_key("key-7").named("CI");
    let provider = || Resource::provider("p1").named("Anthropic");
    let before = json!({ "enabled": false, "api_key": "canary-old", "limits": { "day": 5 }, "models": ["a"] });
    let after = json!({ "enabled": true, "api_key": "canary-new", "limits": { "day": 5 }, "models": ["a", "b"] });
    world
        .play([
            Event::created(now, key(), &json!({ "name": "CI", "secret": "canary" })).by(ada()),
            Event::updated(now, provider(), &before, &after).by(ada()),
            Event::admin(now, "user.role_changed", Resource::user("uma"))
                .changed(&json!({ "role": "user" }), &json!({ "role": "admin" }))
                .by(ada()),
            Event::admin(now, "model.enabled", Resource::model("claude-x")).by(ada()),
            Event::admin(now, "sso.configured", Resource::new("sso", "oidc"))
                .changed(&json!({}), &json!({ "issuer": "https://sso:canary@id.example", "client_secret": "canary" }))
                .by(ada()),
            Event::admin(now, "announcement.archived", Resource::new("announcement", "7")).by(ada()),
            Event::admin(now, "quota.stretched", Resource::new("quota", "q1")).by(ada()),
            Event::admin(now.plus(60_000_000), "api_key.revoked", key()).by(Caller::user("rita").instance("eu")),
            Event::admin(now, "api_key.revoked", Resource::api_key("key-9")).by(Caller::user("una").instance("us")),
        ])
        .await;
    world
}

const REVOKED: &str = r#"[["action","=","api_key.revoked"],["resource_id","=","key-7"]]"#;

#[tokio::test]
async fn who_revoked_this_key_and_when() {
    let world = played().await;
    for group in ["admin", "owner", "super-admin", "auditor"] {
        let entry = world.one(&of("eu", "olga", &[group]), REVOKED);
        let told = [Field::User, Field::ResourceType, Field::ResourceName].map(|field| entry.text(field));
        assert_eq!(told, [Some("rita"), Some("api_key"), Some("CI")], "{group}");
        assert_eq!(entry.occurred_at.to_string(), "2026-11-20T12:01:00.000000Z");
    }
    assert_eq!(world.count(&of("eu", "rita", &["user"]), REVOKED), 1, "she sees what she did");
    assert_eq!(world.count(&of("eu", "uma", &["user"]), REVOKED), 0);
    assert_eq!(world.count(&of("us", "una", &["super-admin"]), REVOKED), 0, "another tenant");
    assert_eq!(world.count(&viewer("root", &["super-admin"]), REVOKED), 0, "no tenant is not every tenant");
    assert!(world.entries(&of("eu", "bill", &["billing-admin"]), REVOKED).is_none());
}

#[tokio::test]
async fn changes_are_recorded_without_secrets() {
    let world = played().await;
    let admin = of("eu", "olga", &["admin"]);
    let of_action = |action: &str| changes(&world.one(&admin, &format!(r#"[["action","=","{action}"]]"#)));
    let provider = of_action("provider.updated");
    let expected =
        ["enabled: false > true", r#"api_key: "[masked]" > "[masked]""#, r#"models: "[\"a\"]" > "[\"a\",\"b\"]""#];
    assert_eq!(provider, expected);
    assert_eq!(of_action("user.role_changed"), [r#"role: "user" > "admin""#]);
    assert_eq!(of_action("api_key.created"), [r#"name: null > "CI""#, r#"secret: null > "[masked]""#]);
    let sso = [r#"issuer: null > "https[masked]id.example""#, r#"client_secret: null > "[masked]""#];
    assert_eq!(of_action("sso.configured"), sso, "by the look of it, and by its name");
    assert_nowhere(&world, &admin, "canary");
}

#[tokio::test]
async fn an_unknown_action_is_recorded() {
    let world = played().await;
    let found = world.ask(
        &of("eu", "olga", &["admin"]),
        r#"[["action","=","quota.stretched"]]"#,
        &[Field::ResourceType, Field::ResourceId, Field::User],
    );
    assert_eq!(found, ["quota q1 ada"]);
}

#[tokio::test]
async fn usage_has_tokens_and_a_cost_given_or_computed() {
    let world = World::priced(PRICES);
    let call = |user: &str, usage: ModelUsage| {
        let who = Caller::user(user).instance("eu");
        Event::api_call(world.now(), "POST", "/v1/messages", 200).by(who).used(usage)
    };
    let claude = || ModelUsage::of("anthropic", "claude-x").api_key("CI");
    world
        .play([
            call("uma", claude().tokens(1_000, 200)),
            call("uma", claude().tokens(1_000, 200).cost_micros(5)),
            call("bob", ModelUsage::of("openai", "gpt-mini").tokens(1_000, 0).api_key("sk-canary0123456789abcdef")),
            call("bob", ModelUsage::of("openai", "unheard-of").tokens(7, 7)).fact("cost_source", "given"),
        ])
        .await;
    let admin = of("eu", "olga", &["admin"]);
    let shown =
        [Field::User, Field::LlmModel, Field::ApiKey, Field::InputTokens, Field::OutputTokens, Field::CostMicros];
    let calls = r#"[["action","=","model.called"]]"#;
    assert_eq!(
        world.ask(&admin, calls, &shown),
        [
            "bob unheard-of not set 7 7 not set",
            "bob gpt-mini [masked] 1000 0 150",
            "uma claude-x CI 1000 200 5",
            "uma claude-x CI 1000 200 6000",
        ]
    );
    let sources = world.entries(&admin, calls).expect("may read");
    let sources: Vec<_> =
        sources.iter().map(|entry| entry.details.get("cost_source").and_then(|text| text.as_str())).collect();
    assert_eq!(sources, [None, Some("computed"), Some("given"), Some("computed")]);
    assert_nowhere(&world, &admin, "canary");
    // A developer's own console: by key and model, and only their own.
    let own = of("eu", "uma", &["user"]);
    assert_eq!(world.count(&own, r#"[["api_key","=","CI"],["llm_model","=like","claude-%"]]"#), 2);
    assert_eq!(world.count(&own, r#"[["provider","=","openai"]]"#), 0);
    assert_eq!(world.count(&admin, r#"[["cost_micros",">=",150],["provider","=","openai"]]"#), 1);
    let billing = world.access(&of("eu", "bill", &["billing-admin"]));
    assert_eq!((billing.may(Right::ReadUsage), billing.may(Right::Read)), (true, false));
}

#[tokio::test]
async fn no_state_exceeds_the_policys_limits() {
    let world = World::new();
    let wide = |from: usize| Json::Object((from..from + 1_800).map(|n| (n.to_string(), 1.into())).collect());
    let deep = |inside: Json| (0..31).fold(inside, |inside, _| json!({ "a": inside }));
    let pairs = [
        (wide(0), wide(5_000)),
        (deep(wide(0)), deep(wide(5_000))),
        (json!({ "k".repeat(250): wide(0) }), json!({ "k".repeat(250): wide(5_000) })),
        (json!(vec![[1]; 4_000]), json!(vec![[2]; 4_000])),
        (json!(vec![json!({}); 5_000]), Json::Null),
        (Json::String("x".repeat(16_000)), Json::String("\u{1}".repeat(100_000))),
    ];
    // All at once as well, in one batch.
    let event = |(old, new): &(Json, Json)| {
        Event::updated(world.now(), Resource::policy("p"), old, new).by(Caller::user("ada"))
    };
    for event in pairs.iter().cycle().take(60).map(event) {
        world.log.record(event).expect("taken");
    }
    world.play(pairs.iter().map(event)).await;
    let found = world.entries(&viewer("ada", &["admin"]), r#"[["user","=","ada"]]"#).expect("may read");
    assert_eq!(found.len(), 66);
    for entry in found {
        assert_eq!((entry.text(Field::Action), entry.text(Field::Fault)), (Some("policy.updated"), None));
        assert!(changes(&entry).len() <= 500);
    }
}
