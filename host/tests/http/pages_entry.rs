//! An entry's page: every field, what changed, why a payload is not there, its neighbours, its proof.

use std::sync::Arc;

use axum::http::StatusCode;
use mcp_audit_log::event::{Caller, Event, Failure, OutcomeDetail, Resource};
use mcp_audit_log::time::{Clock, DAY, ManualClock, SystemClock, Timestamp};
use serde_json::json;

use crate::support::{World, call, call_with};

/// What stands after an element's label.
fn line<'a>(page: &'a str, label: &str) -> &'a str {
    let rest = page.split(&format!("<dt>{label}</dt><dd>")).nth(1).unwrap_or_else(|| panic!("no {label} in {page}"));
    rest.split("</dd>").next().unwrap_or_default()
}

/// The text after an element's label, without its links to other searches.
fn value<'a>(page: &'a str, label: &str) -> &'a str {
    let line = line(page, label);
    let value = line.split_once('>').map_or(line, |(_, rest)| rest);
    value.split("</").next().unwrap_or_default()
}

#[tokio::test]
async fn every_field_is_shown() {
    let world = World::new();
    let event = call("ada", "search").fact("http_method", "POST").fact("protocol_version", "2025-06-18");
    let id = world.record(event.fact("request_bytes", 1_500).fact("response_bytes", 2_500_000)).await;
    let page = world.browser("root", &["admin"]).await.get(&format!("/entries/{id}")).await.text;
    assert_eq!((value(&page, "HTTP method"), value(&page, "MCP version")), ("POST", "2025-06-18"));
    assert_eq!((value(&page, "Request size"), value(&page, "Response size")), ("1.5 kB", "2.5 MB"));
    let not = "/?domain=%5B%5B%22kind%22%2C%22%21%3D%22%2C%22request%22%5D%5D";
    let links = ["/?kind=request", not, "/?by=kind"].map(|href| format!("href=\"{href}\""));
    let kind = line(&page, "Kind");
    assert!(value(&page, "Kind") == "request" && links.iter().all(|link| kind.contains(link)), "{kind}");
    assert!(page.contains("href=\"/api/v1/entries/"), "the way to all of it as JSON: {page}");
}

#[tokio::test]
async fn changes_are_side_by_side_with_the_difference_marked() {
    let world = World::new();
    let state = |url: &str| json!({ "base_url": url, "limit": 100 });
    let event = Event::admin(SystemClock.now(), "provider.updated", Resource::new("provider", "42"));
    let event = event.changed(&state("https://a.example/v1/x"), &state("https://a.example/v2/x"));
    let id = world.record(event.by(Caller::user("ada"))).await;
    let page = world.browser("root", &["admin"]).await.get(&format!("/entries/{id}")).await.text;
    assert!(page.contains("https://a.example/v<del>1</del>/x</td>"), "{page}");
    assert!(page.contains("https://a.example/v<ins>2</ins>/x</td>"), "{page}");
    assert!(!page.contains("&#34;changes&#34;"), "not a second time among the details: {page}");
}

#[tokio::test]
async fn a_json_payload_is_a_tree_and_others_are_text() {
    let world = World::new();
    world.keep_payloads().await;
    let id = world.record(call_with("ada", r#"{"a":{"n":1.10}}"#, "{\"broken\": [1,\u{202e}")).await;
    let page = world.browser("eve", &["auditor"]).await.get(&format!("/entries/{id}?show=payload")).await.text;
    assert!(page.contains("<details open><summary><b>&#34;a&#34;</b>: { <small>1 value</small>"), "{page}");
    assert!(page.contains("<span class=\"n\">1.10</span>"), "{page}");
    assert!(page.contains("<pre tabindex=\"0\">{&#34;broken&#34;: [1,\\u{202e}</pre>"), "{page}");
}

#[tokio::test]
async fn a_page_names_the_user_and_reason_of_an_erasure() {
    let world = World::new();
    world.keep_payloads().await;
    let id = world.record(call_with("ada", "{}", "{}")).await;
    let path = format!("/api/v1/entries/{id}/payload");
    let both = world.bearer("root", &["admin", "auditor"]);
    let erased = both.send("DELETE", &path, "application/json", r#"{"reason":"a <b>request</b>"}"#).await;
    assert_eq!(erased.status, StatusCode::NO_CONTENT, "{}", erased.text);
    let page = world.browser("eve", &["auditor"]).await.get(&format!("/entries/{id}?show=payload")).await.text;
    assert!(page.contains("root <a href=\"/entries/") && page.contains("erased it</a>"), "{page}");
    assert!(page.contains("Reason: a &#60;b&#62;request&#60;/b&#62;"), "{page}");
    let own = world.browser("ada", &["user"]).await.get(&format!("/entries/{id}")).await.text;
    assert!(own.contains("no entry that reports an erasure") && !own.contains("request&#60;/b"), "{own}");
}

#[tokio::test]
async fn a_page_says_when_the_retention_removed_a_payload() {
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-01-01T00:00:00Z").expect("a time")));
    let world = World::at(&clock);
    let root = world.bearer("root", &["admin"]);
    root.patch("/api/v1/settings", r#"{"log_payloads":true,"payload_retention_days":7}"#).await;
    let mut event = call_with("ada", "{}", "{}");
    event.occurred_at = clock.now();
    let id = world.record(event).await;
    world.log.sign().expect("signed");
    clock.advance(9 * DAY);
    assert_eq!(root.post("/api/v1/clock/confirm", "").await.status, StatusCode::NO_CONTENT, "a leap deletes nothing");
    let name = world.cleanup();
    let started = root.send("POST", &format!("/api/v1/crons/{name}/run"), "", "").await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    world.idle().await;
    let page = world.browser("eve", &["auditor"]).await.get(&format!("/entries/{id}?show=payload")).await.text;
    assert!(page.contains("Deleted by the payload retention"), "{page}");
}

#[tokio::test]
async fn neighbours_are_visible_entries_of_the_same_session() {
    let world = World::new();
    let in_session = |user: &str, tool: &str| {
        let mut event = call(user, tool);
        event.client.session = Some("s-1".into());
        event
    };
    world.record(in_session("ada", "before")).await;
    let mut event = in_session("ada", "this");
    let parent = call("ada", "parent");
    event.parent = Some(parent.id);
    world.record(parent).await;
    let mut foreign = call("bob", "foreign-child");
    foreign.parent = Some(event.id);
    let mut child = call("ada", "child");
    child.parent = Some(event.id);
    world.record(in_session("bob", "foreign-before")).await;
    let id = world.record(event).await;
    world.record(in_session("bob", "foreign-after")).await;
    world.record(in_session("ada", "after")).await;
    world.record(child).await;
    world.record(foreign).await;
    let own = world.browser("ada", &["user"]).await.get(&format!("/entries/{id}")).await.text;
    for tool in ["before", "after", "parent", "child"] {
        assert!(own.contains(&format!("<span class=\"mono\">tools/call {tool}</span>")), "{tool}: {own}");
    }
    assert!(!own.contains("foreign"), "{own}");
    assert_eq!((own.matches("rel=\"prev\"").count(), own.matches("rel=\"next\"").count()), (1, 1));
    let all = world.browser("root", &["admin"]).await.get(&format!("/entries/{id}")).await.text;
    assert!(all.contains("tools/call foreign-before") && all.contains("tools/call foreign-child"), "{all}");
    assert!(!all.contains("tools/call before<"), "only the one before it: {all}");
}

#[tokio::test]
async fn viewers_who_verify_see_the_proof() {
    let world = World::new();
    let id = world.record(call("ada", "search")).await;
    let path = format!("/entries/{id}");
    let auditor = world.browser("eve", &["auditor"]).await;
    let api = world.bearer("eve", &["auditor"]);
    let proof = api.get(&format!("/api/v1/entries/{id}/proof.tlog")).await;
    assert_eq!(proof.status, StatusCode::OK, "signs a checkpoint");
    let name = format!("attachment; filename=\"{id}.tlog-proof\"");
    assert_eq!(proof.headers["content-disposition"].to_str().ok(), Some(name.as_str()));
    let page = auditor.get(&path).await.text;
    assert!(page.contains("proved</span>") && page.contains(&format!("/api/v1/entries/{id}/proof.tlog")), "{page}");
    let proof = api.get_json(format!("/api/v1/entries/{id}/proof?size={}", value(&page, "Size"))).await;
    assert_eq!(proof["size"].to_string(), value(&page, "Size"));
    assert!(page.contains(&format!("mcp-audit-log proof entry {id}")), "{page}");
    let later = world.record(call("ada", "later")).await;
    let page = auditor.get(&format!("/entries/{later}")).await.text;
    assert!(page.contains("No checkpoint covers this entry yet"), "{page}");
    let own = world.browser("ada", &["user"]).await.get(&path).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    assert!(!own.text.contains("id=\"proof\"") && !own.text.contains("proof.tlog"), "{}", own.text);
}

#[tokio::test]
async fn a_failed_call_stands_beside_the_last_success_of_its_tool() {
    let world = World::new();
    let with = |mut event: Event, connection: &str, took: u64| {
        event.caller.connection = Some(connection.into());
        event.duration_us = Some(took);
        event
    };
    let failed = |event: Event| {
        let failure = Failure { kind: "tool_error".into(), message: "No.".into(), code: None };
        Event { detail: OutcomeDetail::ToolError, failure: Some(failure), ..event }
    };
    world.record(with(call("ada", "search"), "adas-old-laptop", 1_000)).await;
    let success = world.record(with(call("ada", "search"), "adas-laptop-1", 1_000)).await;
    let of_bob = world.record(with(call("bob", "search"), "bobs-secret-laptop", 1_000)).await;
    world.record(with(call("ada", "ask"), "x", 1_000)).await;
    let id = world.record(failed(with(call("ada", "search"), "adas-laptop-2", 2_000_000))).await;
    let later = world.record(with(call("ada", "search"), "adas-laptop-3", 1_000)).await;
    let ada = world.browser("ada", &["user"]).await;
    let page = ada.get(&format!("/entries/{id}")).await.text;
    let part = page.split_once("id=\"compare\"").and_then(|(_, rest)| rest.split_once("</section>")).expect("it").0;
    assert!(part.contains(&format!("href=\"/entries/{success}\"")), "{part}");
    assert!(part.contains("adas-laptop-<mark>1</mark>") && part.contains("adas-laptop-<mark>2</mark>"), "{part}");
    assert!(part.contains("<mark>1.0 ms</mark>") && part.contains("<mark>2.0 s</mark>"), "{part}");
    for same in ["Tool", "Server", "User", "Session", "Outcome"] {
        assert!(!part.contains(&format!("<th scope=\"row\">{same}</th>")), "{same}: {part}");
    }
    assert!(!page.contains("bobs-secret-laptop"), "{page}");
    // A viewer who sees all gets the last success of anyone.
    let admin = world.browser("root", &["admin"]).await;
    assert!(admin.get(&format!("/entries/{id}")).await.text.contains(&format!("href=\"/entries/{of_bob}\"")));
    assert!(!admin.get(&format!("/entries/{later}")).await.text.contains("id=\"compare\""), "it is no failure");
    let first = world.record(failed(call("ada", "never_worked"))).await;
    let page = ada.get(&format!("/entries/{first}")).await.text;
    assert!(page.contains("No earlier success of this tool that you may see."), "{page}");
}
