//! Bundles over HTTP: the same as on the command line, only with the right, only of what the viewer sees, and recorded.

use axum::http::StatusCode;
use http_body_util::BodyExt;
use mcp_audit_log::BundleRequest;
use mcp_audit_log::event::Event;
use mcp_audit_log::filter::{Context, parse_text};
use mcp_audit_log::ledger::{BundleCheck, CheckedBundle, VerifierKey};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{Viewer, event};
use serde_json::{Value, json};

use crate::support::{GROUPS, World, call, call_with};

const CANARY: &str = "canary-in-a-body";

/// Checks a bundle with the log's keys.
fn checked(world: &World, text: &str) -> CheckedBundle {
    let keys = world.log.view().verifier_keys().expect("keys");
    let keys: Vec<_> = keys.iter().map(|key| VerifierKey::parse(key).expect("a key")).collect();
    let mut lines = text.lines();
    let mut check = BundleCheck::begin(lines.next().expect("a line"), &keys).expect("a header");
    lines.for_each(|line| drop(check.entry(line).expect("an entry")));
    check.end().expect("proved")
}

async fn told(world: &World) -> Vec<Value> {
    world.bearer("root", &["admin"]).entries("action=bundle.exported").await
}

#[tokio::test]
async fn a_bundle_over_http_is_the_one_of_the_command_line() {
    let world = World::new();
    for (user, tool) in [("bob", "search"), ("ada", "search"), ("bob", "secret_tool"), ("ada", "search"), ("bob", "x")]
    {
        world.record(call(user, tool)).await;
    }
    let admin = world.bearer("root", &["admin"]);
    let answer = admin.get("/api/v1/bundle?q=user:ada&tool=search").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/x-ndjson"));
    let name = answer.header("content-disposition");
    assert!(name.starts_with("attachment; filename=\"mcp-audit-log-20") && name.ends_with(".bundle.jsonl\""), "{name}");
    let view = world.log.view();
    let grant = view.access(&Viewer { user: "root".into(), groups: vec!["admin".into()], instance: None });
    let domain = parse_text("user:ada tool:search", &Context::new(view.now(), None, None)).expect("a filter");
    let mut written = Vec::new();
    let bundled = view.bundle(&grant, &BundleRequest::new(domain), &mut written).expect("written");
    assert_eq!(answer.text, String::from_utf8(written).expect("text"));
    assert_eq!((bundled.shown, bundled.places.end - bundled.places.start), (2, 3), "from the first match to the last");
    assert_eq!(checked(&world, &answer.text).shown, 2);
    assert!(!answer.text.contains("secret_tool") && !answer.text.contains("bob"), "{}", answer.text);
    let browser = world.browser("root", &["admin"]).await;
    assert_eq!(checked(&world, &browser.get("/bundle?user=ada").await.text).shown, 2);
}

#[tokio::test]
async fn a_bundle_needs_the_right_and_shows_only_what_its_viewer_sees() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    world.record(call("bob", "secret_tool")).await;
    for groups in GROUPS {
        let may = ["admin", "owner", "super-admin", "auditor"].iter().any(|group| groups.contains(group));
        let answer = world.bearer("ada", groups).get("/api/v1/bundle?method=tools/call").await;
        assert_eq!(answer.status, if may { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{groups:?}");
        assert_eq!(answer.text.contains("secret_tool"), may, "{groups:?}");
        let page = world.browser("ada", groups).await.get("/?user=ada").await.text;
        assert_eq!(page.contains("action=\"/bundle\""), may, "{groups:?}");
    }
    let mut theirs = call("eve", "of_eu");
    theirs.caller.instance = Some("eu-1".to_owned());
    world.record(theirs.clone()).await;
    world.record(call("bob", "secret_tool")).await;
    world.record(Event { id: event::new_id(theirs.occurred_at), ..theirs }).await;
    let elsewhere = world.bearer_in("eu-1", "root", &["admin"]);
    let answer = elsewhere.get("/api/v1/bundle?method=tools/call").await;
    let checked = checked(&world, &answer.text);
    assert_eq!((checked.shown, checked.end - checked.first), (2, 3), "{}", answer.text);
    assert!(answer.text.contains("of_eu") && !answer.text.contains("secret_tool"), "{}", answer.text);
    world.bearer_in("eu-2", "root", &["admin"]).get("/api/v1/bundle?tool=of_eu").await.problem(400, "nothing to prove");
}

#[tokio::test]
async fn a_bundle_has_payloads_only_with_the_right_and_is_recorded() {
    let world = World::new();
    world.keep_payloads().await;
    world.record(call_with("ada", CANARY, CANARY)).await;
    world.bearer("root", &["admin"]).get("/api/v1/bundle?user=ada&payloads=true").await.problem(403, "payloads");
    world.bearer("uma", &["user"]).get("/api/v1/bundle?user=ada").await.problem(403, "export entries");
    let auditor = world.bearer("eve", &["auditor"]);
    let bare = auditor.get("/api/v1/bundle?user=ada").await.text;
    assert!(!bare.contains(CANARY) && checked(&world, &bare).shown == 1, "{bare}");
    let response = auditor.open("/api/v1/bundle?user=ada&payloads=true").await;
    let entries = told(&world).await;
    let seen: Vec<_> = entries.iter().map(|entry| (&entry["user"], &entry["outcome"])).collect();
    let expected = [("eve", "success"), ("eve", "success"), ("uma", "denied"), ("root", "denied")]
        .map(|(user, outcome)| (json!(user), json!(outcome)));
    assert_eq!(
        seen,
        expected.iter().map(|(user, outcome)| (user, outcome)).collect::<Vec<_>>(),
        "before the first byte"
    );
    let id = entries[0]["id"].as_str().expect("an id");
    let details = &auditor.get_json(format!("/api/v1/entries/{id}")).await["details"];
    assert_eq!((&details["payloads"], &details["filter"]), (&json!(true), &json!("[[\"user\",\"=\",\"ada\"]]")));
    let whole = world.read(response).await.text;
    assert!(whole.contains(CANARY) && checked(&world, &whole).shown == 1, "{whole}");
}

#[tokio::test]
async fn an_aborted_bundle_has_no_clean_end_and_is_recorded() {
    let world = World::new();
    let row = call("ada", &"x".repeat(200));
    for _ in 0..5_000 {
        world.log.record(Event { id: event::new_id(row.occurred_at), ..row.clone() }).expect("recorded");
    }
    world.record(call("ada", "last")).await;
    let admin = world.bearer("root", &["admin"]);
    let mut body = admin.open("/api/v1/bundle?user=ada").await.into_body();
    assert!(body.frame().await.expect("a piece").is_ok());
    drop(body);
    let failed = loop {
        if let [failed, _] = told(&world).await.as_slice() {
            break failed.clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&failed["outcome"], &failed["error_message"]), (&json!("error"), &json!("The client disconnected.")));
    assert_eq!(failed["parent"], told(&world).await[1]["id"]);
    let (secret, token) = world.token("root", &["admin"]);
    let caller = world.stranger().header("authorization", &format!("Bearer {secret}"));
    let body = caller.open("/api/v1/bundle?user=ada").await.into_body();
    world.tokens.revoke(&token.id, "root", SystemClock.now()).expect("revoked");
    // Rights are asked for again when they are two seconds old; there is nothing but time to wait for.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    assert!(body.collect().await.is_err(), "it went on without a token");
}

#[tokio::test]
async fn errors_of_a_bundle_name_the_parameter() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for (query, word) in [
        ("payloads=perhaps", "is not valid; use true or false"),
        ("limit=10", "everything that matches"),
        ("format=csv", "Unknown parameter"),
        ("q=tol:x", "tol"),
        ("tool=none", "nothing to prove"),
    ] {
        admin.get(&format!("/api/v1/bundle?{query}")).await.problem(400, word);
    }
    assert!(told(&world).await.is_empty(), "nothing was begun");
    let page = world.browser("root", &["admin"]).await.get("/bundle?tool=none").await;
    assert!(page.status == StatusCode::BAD_REQUEST && page.text.contains("<html"), "{}", page.text);
}

#[tokio::test]
async fn a_bundle_that_cannot_be_signed_is_recorded_as_one_that_was_not_made() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let last = world.folder.path().join("signing.last");
    let _ = std::fs::remove_file(&last);
    std::fs::create_dir(&last).expect("in its place");
    let refused = world.bearer("root", &["admin"]).get("/api/v1/bundle").await;
    assert!(refused.status.is_server_error(), "{}", refused.status);
    // Whatever came before is stored when this is.
    world.record(call("ada", "search")).await;
    let told = told(&world).await;
    let details: Vec<_> = told.iter().map(|entry| entry["outcome_detail"].as_str().expect("a text")).collect();
    assert_eq!(details, ["incomplete", "ok"]);
    assert_eq!(told[0]["parent"], told[1]["id"]);
}
