//! Why an entry is as it is: the API's answer, the page's section, and which viewer may ask about another.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{World, call, call_with};

#[tokio::test]
async fn a_viewer_learns_why_they_see_their_own_entry() {
    let world = World::new();
    let id = world.record(call("ada", "search")).await;
    let why = world.bearer("ada", &["user"]).get_json(format!("/api/v1/entries/{id}/why")).await;
    assert_eq!((&why["entry"], &why["access"]["sees"]), (&json!(id), &json!(true)));
    assert_eq!((&why["name"]["action"], &why["name"]["again"]), (&json!("tool.called"), &json!("tool.called")));
    assert_eq!(why["name"]["named_by"], "mcp-audit-log-policy");
    assert_eq!((&why["payload"]["kept"], &why["payload"]["reason"]), (&json!(false), &json!("switch")));
    assert_eq!(why["access"]["takes"], json!([]));
    let rule = why["access"]["rule"].as_array().expect("lines");
    assert!(rule.len() > 1 && rule.iter().all(|line| line["holds"] == true), "{rule:?}");
    let own = json!({ "group": "user", "only_own": true });
    assert!(why["access"]["who_can"].as_array().expect("groups").contains(&own), "{why}");
}

#[tokio::test]
async fn the_reason_for_a_payload_follows_what_became_of_it() {
    let world = World::new();
    let reason = async |id: &str| {
        let why = world.bearer("root", &["admin"]).get_json(format!("/api/v1/entries/{id}/why")).await;
        why["payload"]["reason"].as_str().expect("a word").to_owned()
    };
    let without = world.record(call_with("ada", "{}", "{}")).await;
    assert_eq!(reason(&without).await, "switch");
    world.keep_payloads().await;
    let kept = world.record(call_with("ada", "{}", "{}")).await;
    // The switch of then counts, not that of now.
    assert_eq!((reason(&kept).await.as_str(), reason(&without).await.as_str()), ("kept", "switch"));
    let empty = world.record(call("ada", "search")).await;
    assert_eq!(reason(&empty).await, "absent");
    let both = world.bearer("root", &["admin", "auditor"]);
    let path = format!("/api/v1/entries/{kept}/payload");
    let erased = both.send("DELETE", &path, "application/json", r#"{"reason":"a wish"}"#).await;
    assert_eq!(erased.status, StatusCode::NO_CONTENT, "{}", erased.text);
    assert_eq!(reason(&kept).await, "removed");
}

#[tokio::test]
async fn to_ask_about_another_viewer_takes_the_right_that_giving_groups_takes() {
    let world = World::new();
    let (own, other) = (world.record(call("ada", "search")).await, world.record(call("bob", "search")).await);
    let path = |id: &str, asked: &str| format!("/api/v1/entries/{id}/why?{asked}");
    let ada = world.bearer("ada", &["user"]);
    for asked in ["as=bob", "group=admin", "as=ada&group=auditor", "tenant=eu"] {
        ada.get(&path(&own, asked)).await.problem(403, "manage");
    }
    // One's own name is no other viewer.
    assert_eq!(ada.get(&path(&own, "as=ada&group=user")).await.status, StatusCode::OK);
    ada.get(&path(&other, "")).await.problem(404, "No such entry");
    world.bearer("eve", &["auditor"]).get(&path(&other, "as=bob")).await.problem(403, "manage");
    ada.get(&path(&own, "user=bob")).await.problem(400, "Unknown parameter");

    let root = world.bearer("root", &["admin"]);
    let why = root.get_json(path(&other, "as=ada&group=user")).await;
    assert_eq!(why["access"]["sees"], false);
    let text = why["access"]["text"].to_string();
    assert!(text.contains("ada does not see it") && text.contains("the group admin"), "{text}");
    let failed: Vec<_> =
        why["access"]["rule"].as_array().expect("lines").iter().filter(|line| line["holds"] == false).collect();
    assert!(failed.iter().any(|line| line["domain"] == r#"[["user","=","ada"]]"#), "{failed:?}");
    // A viewer without groups.
    assert_eq!(root.get_json(path(&other, "as=bob")).await["access"]["rights"], json!([]));
}

#[tokio::test]
async fn a_manager_of_a_tenant_asks_only_about_it() {
    let world = World::new();
    let mut event = call("ada", "search");
    event.caller.instance = Some("eu".to_owned());
    let id = world.record(event).await;
    let path = |asked: &str| format!("/api/v1/entries/{id}/why?{asked}");
    let manager = world.bearer_in("eu", "root", &["admin"]);
    let why = manager.get_json(path("as=bob&group=user")).await;
    assert_eq!((&why["access"]["sees"], &why["access"]["tenant"]), (&json!(false), &json!("eu")));
    manager.get(&path("as=bob&group=user&tenant=us")).await.problem(400, "your own tenant");
    world.bearer("root", &["admin"]).get(&path("as=bob&tenant=eu")).await.problem(404, "No such entry");
    world.bearer_in("us", "root", &["admin"]).get(&path("")).await.problem(404, "No such entry");
}

#[tokio::test]
async fn the_page_explains_on_demand_and_asks_about_others() {
    let world = World::new();
    let id = world.record(call("bob", "search")).await;
    let root = world.browser("root", &["admin"]).await;
    let closed = root.get(&format!("/entries/{id}")).await.text;
    assert!(closed.contains("?show=why#why\">Explain</a>") && !closed.contains("The record rule"), "{closed}");
    let open = root.get(&format!("/entries/{id}?show=why")).await.text;
    for words in [
        "It is called tool.called.",
        "payload logging was off when this was recorded",
        "root sees it",
        "<h3>The record rule</h3>",
    ] {
        assert!(open.contains(words), "{words}: {open}");
    }
    assert!(open.contains("name=\"group\" value=\"admin\" checked"), "{open}");
    let asked = root.get(&format!("/entries/{id}?show=why&as=%3Cb%3E&group=user")).await.text;
    assert!(asked.contains("&#60;b&#62; does not see it") && asked.contains("not met</span>"), "{asked}");
    assert!(asked.contains("<details open>"), "{asked}");

    let bob = world.browser("bob", &["user"]).await;
    let own = bob.get(&format!("/entries/{id}?show=why")).await.text;
    assert!(own.contains("bob sees it") && !own.contains("Ask about another viewer"), "{own}");
    let refused = bob.get(&format!("/entries/{id}?show=why&as=root&group=admin")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
}
