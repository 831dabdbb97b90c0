//! Every group, and everything that it can read.

use axum::http::StatusCode;
use serde_json::Value;

use crate::support::{GROUPS, World, call};

const NO_ID: &str = "01930000-0000-7000-8000-000000000000";

fn sees_all(groups: &[&str]) -> bool {
    groups.iter().any(|group| ["admin", "owner", "super-admin", "auditor"].contains(group))
}

fn sees_own(groups: &[&str]) -> bool {
    groups.iter().any(|group| group.contains("user")) || sees_all(groups)
}

fn users(entries: &[Value]) -> Vec<&str> {
    let mut users: Vec<_> = entries.iter().filter_map(|entry| entry["user"].as_str()).collect();
    users.sort_unstable();
    users.dedup();
    users
}

#[tokio::test]
async fn each_group_reads_only_entries_of_its_rule() {
    let world = World::new();
    let own = world.record(call("ada", "search")).await;
    let other = world.record(call("bob", "search")).await;
    for groups in GROUPS {
        let ada = world.bearer("ada", groups);
        if !sees_own(groups) {
            ada.get("/api/v1/entries").await.problem(403, "read entries");
            for id in [&own, &other, NO_ID, "nonsense"] {
                ada.get(&format!("/api/v1/entries/{id}")).await.problem(403, "read entries");
            }
            continue;
        }
        let listed = ada.entries("tool=search").await;
        assert_eq!(users(&listed), if sees_all(groups) { vec!["ada", "bob"] } else { vec!["ada"] }, "{groups:?}");
        let opened = ada.get(&format!("/api/v1/entries/{own}")).await.json();
        assert_eq!((&opened["id"], &opened["tool"]), (&Value::from(own.as_str()), &"search".into()), "{groups:?}");
        assert!(opened["details"].is_object());
        let others = ada.get(&format!("/api/v1/entries/{other}")).await;
        assert_eq!(others.status == StatusCode::OK, sees_all(groups), "{groups:?}");
    }
}

#[tokio::test]
async fn absent_hidden_and_malformed_ids_get_the_same_answer() {
    let world = World::new();
    let hidden = world.record(call("bob", "search")).await;
    let ada = world.bearer("ada", &["user"]);
    let absent = ada.get(&format!("/api/v1/entries/{NO_ID}")).await;
    absent.problem(404, "No such entry");
    for id in [hidden.as_str(), "nonsense", "%ff", "%00", "0", "..%2f..%2fetc"] {
        let answer = ada.get(&format!("/api/v1/entries/{id}")).await;
        assert_eq!((answer.status, &answer.text), (absent.status, &absent.text), "{id}");
    }
    let browser = world.browser("ada", &["user"]).await;
    let page = browser.get(&format!("/entries/{NO_ID}")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    for id in [hidden.as_str(), "nonsense", "%ff"] {
        assert_eq!(browser.get(&format!("/entries/{id}")).await.text, page.text, "{id}");
    }
}

/// No parameter bypasses the record rule, in any form.
#[tokio::test]
async fn a_filter_never_shows_entries_of_others() {
    let world = World::new();
    world.record(call("bob", "secret_tool")).await;
    world.record(call("ada", "search")).await;
    let ada = world.bearer("ada", &["user"]);
    for query in [
        "user=bob",
        "user=bob&user=ada",
        "tool=secret_tool",
        "q=secret",
        "q=bob",
        "q=user:bob",
        "q=user:bob OR -user:bob",
        "q=-user:@me",
        r#"domain=["|",["user","=","bob"],[1,"=",1]]"#,
        r#"domain=["!",["user","=","ada"]]"#,
        r#"domain=[["user","not in",["ada"]]]"#,
        r#"domain=["|","|",[1,"=",1],[1,"=",1],[1,"=",1]]"#,
        r#"domain=[["tool","ilike","%"]]"#,
    ] {
        let query: String = query.chars().map(|c| if c == '%' { "%25".into() } else { encoded(c) }).collect();
        let found = ada.entries(&query).await;
        assert!(found.iter().all(|entry| entry["user"] == "ada"), "{query}: {found:#?}");
        // The links contain the viewer's own search.
        let shown = ada.get(&format!("/api/v1/entries?{query}")).await.json()["entries"].to_string();
        assert!(!shown.contains("secret_tool"), "{query}");
    }
    let page = world.browser("ada", &["user"]).await.get("/?user=bob").await;
    assert!(page.text.contains("Nothing matches") && !page.text.contains("secret_tool"));
}

fn encoded(character: char) -> String {
    match character {
        '"' => "%22".into(),
        '[' => "%5B".into(),
        ']' => "%5D".into(),
        '|' => "%7C".into(),
        ' ' => "%20".into(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn filters_combine_and_pages_continue() {
    let world = World::new();
    for at in 0..7 {
        world.record(call(if at % 2 == 0 { "ada" } else { "bob" }, &format!("tool_{at}"))).await;
    }
    let admin = world.bearer("root", &["admin"]);
    assert_eq!(admin.entries("user=ada&tool=tool_2&from=-1h&to=&outcome=success").await.len(), 1);
    assert_eq!(admin.entries("user=ada&user=bob").await.len(), 7, "repeated values are alternatives");
    assert_eq!(admin.entries("user=ada&filter=tool_calls&filter=today&q=TOOL_4").await.len(), 1);
    assert_eq!(admin.entries("q=tool%25").await.len(), 0, "SQL's wildcards are none in free text");
    assert_eq!(admin.entries("q=user:ada%20tool:TOOL_*%20-tool:tool_2%20since:1h").await.len(), 3);
    assert_eq!(admin.entries("q=tool_1%20OR%20tool:tool_2,tool_3").await.len(), 3);
    assert_eq!(admin.entries("filter=mine").await.len(), 0);
    assert_eq!(world.bearer("ada", &["admin"]).entries("filter=mine").await.len(), 4, "the filter is the viewer's");
    assert_eq!(world.bearer("bob", &["admin"]).entries("q=user:@me").await.len(), 3);
    assert_eq!(admin.entries("status_code=200").await.len(), 0);
    assert_eq!(admin.entries("to=-1h&user=ada").await.len(), 0);
    assert_eq!(admin.entries("to=now&user=ada").await.len(), 4);
    for until in ["to=today", "q=until:today", "q=to:today", "from=today&to=today"] {
        assert_eq!(admin.entries(&format!("{until}&user=ada")).await.len(), 4, "a day is included: {until}");
    }
    assert_eq!(admin.entries("from=today&from=&user=ada").await.len(), 4, "empty values are passed over");

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/api/v1/entries?filter=tool_calls&limit=3&cursor={cursor}")).await.json();
        seen.extend(
            page["entries"].as_array().expect("a list").iter().map(|entry| entry["tool"].as_str().map(str::to_owned)),
        );
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let expected: Vec<_> = (0..7).rev().map(|at| Some(format!("tool_{at}"))).collect();
    assert_eq!(seen, expected, "newest first, nothing skipped or doubled");
}

#[tokio::test]
async fn entries_are_read_and_never_changed() {
    let world = World::new();
    let id = world.record(call("ada", "search")).await;
    let owner = world.bearer("olga", &["owner"]);
    for path in ["/api/v1/entries".to_owned(), format!("/api/v1/entries/{id}")] {
        for method in ["PUT", "PATCH", "DELETE", "POST"] {
            let answer = owner.send(method, &path, "application/json", "{}").await;
            answer.problem(405, "Entries never change");
            assert_eq!(answer.header("allow"), "GET,HEAD", "{method} {path}");
        }
    }
    assert_eq!(owner.entries("tool=search").await.len(), 1);
}

#[tokio::test]
async fn every_viewer_can_read_their_own_identity() {
    let world = World::new();
    let me = world.bearer("ada", &["user", "auditor"]).get("/api/v1/me").await.json();
    assert_eq!((&me["user"], &me["groups"]), (&"ada".into(), &serde_json::json!(["user", "auditor"])));
    assert!(me["rights"].as_array().expect("rights").contains(&"read-payloads".into()));
    assert_eq!(world.bearer("none", &[]).get("/api/v1/me").await.json()["rights"], serde_json::json!([]));
    let manifest = world.bearer("ada", &["user"]).get("/api/v1/manifest").await.json();
    assert_eq!(manifest["filters"][0]["name"], "mine");
}
