//! Several tenants of a platform in one log: a viewer of one never learns about another's data.

use mcp_audit_log::event::Event;
use serde_json::json;

use crate::support::{World, call, call_with};

fn of(instance: Option<&str>, event: Event) -> Event {
    let mut event = event;
    event.caller.instance = instance.map(str::to_owned);
    event
}

/// Entries of `a`, of `b` and without a tenant, each with distinct words.
async fn filled() -> (World, [String; 3]) {
    let world = World::new();
    world.keep_payloads().await;
    let mut ids = Vec::new();
    for (instance, word) in [(Some("a"), "alpha"), (Some("b"), "beta"), (None, "nobody")] {
        let event = of(instance, call_with(&format!("user-{word}"), &format!("ask-{word}"), &format!("say-{word}")));
        ids.push(world.record(event).await);
        let mut other = of(instance, call(&format!("user-{word}"), &format!("tool-{word}")));
        other.caller.connection = Some(format!("connection-{word}"));
        world.record(other).await;
    }
    (world, ids.try_into().expect("three"))
}

#[tokio::test]
async fn nothing_of_another_tenant_can_be_seen_counted_or_guessed() {
    let (world, ids) = filled().await;
    let groups = ["super-admin", "auditor"];
    let viewers = [
        (world.bearer_in("a", "root", &groups), "alpha", 0),
        (world.bearer_in("b", "root", &groups), "beta", 1),
        (world.bearer("root", &groups), "nobody", 2),
    ];
    for (viewer, own, at) in &viewers {
        let foreign =
            |text: &str| ["alpha", "beta", "nobody"].into_iter().find(|word| word != own && text.contains(word));
        for path in [
            "/api/v1/entries?limit=500",
            "/api/v1/entries?domain=%5B%22%7C%22%2C%5B%22instance%22%2C%22%3D%22%2C%22a%22%5D%2C%5B%22instance%22%2C%22!%3D%22%2C%22a%22%5D%5D",
            "/api/v1/entries?q=instance:a%20OR%20instance:b%20OR%20instance:none",
            "/api/v1/groups?by=user&by=tool",
            "/api/v1/groups?by=instance",
            "/api/v1/values/user",
            "/api/v1/values/tool",
            "/api/v1/values/connection",
            "/api/v1/views",
            "/api/v1/tokens",
            "/?limit=500",
            "/?by=user",
        ] {
            let answer = viewer.get(path).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.text);
            assert_eq!(foreign(&answer.text), None, "{own} {path}: {}", answer.text);
        }
        let calls = viewer.entries("method=tools/call").await;
        assert_eq!(calls.len(), 2, "{own}");
        let groups = viewer.get("/api/v1/groups?by=method").await.json();
        let counted =
            groups["groups"].as_array().expect("a list").iter().find(|group| group["keys"]["method"] == "tools/call");
        assert_eq!(counted.expect("a group")["count"], 2, "{groups}");
        for (other, id) in ids.iter().enumerate() {
            let answer = viewer.get(&format!("/api/v1/entries/{id}")).await;
            let page = viewer.get(&format!("/entries/{id}")).await;
            match other == *at {
                true => assert!(answer.text.contains(&format!("say-{own}")), "{}", answer.text),
                false => {
                    answer.problem(404, "No such entry");
                    assert_eq!(page.status.as_u16(), 404);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_administrators_actions_are_recorded_in_their_own_tenant() {
    let world = World::new();
    let (a, b) = (world.bearer_in("a", "root", &["admin"]), world.bearer_in("b", "root", &["admin"]));
    let none = world.bearer("root", &["admin"]);
    let view = json!({"name": "alpha", "query": "outcome=error", "shared": true}).to_string();
    assert_eq!(a.post("/api/v1/views", &view).await.status.as_u16(), 201);
    assert_eq!(a.entries("method=view.shared").await.len(), 1);
    for other in [&b, &none] {
        assert!(other.entries("method=view.shared").await.is_empty());
    }
    for other in [&b, &none] {
        assert!(!other.get("/api/v1/views").await.text.contains("alpha"));
    }
}
