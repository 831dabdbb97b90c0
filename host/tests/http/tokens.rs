//! Tokens over the API: who may create them with which groups, how they end, and their entries.

use std::sync::Arc;

use axum::http::StatusCode;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::time::{Clock, DAY, ManualClock, SystemClock, Timestamp};
use mcp_audit_log::tokens::Tokens;
use mcp_audit_log::{AuditLog, Options};
use serde_json::{Value, json};

use crate::support::{GROUPS, World, call, viewer};

fn body(user: &str, groups: &[&str]) -> String {
    json!({"user": user, "connection": "laptop", "groups": groups}).to_string()
}

#[tokio::test]
async fn a_token_is_created_shown_once_used_revoked_and_recorded() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let wanted = r#"{"user":"uma","connection":"laptop","groups":["user"],"expires":"90d"}"#;
    let made = admin.post("/api/v1/tokens", wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.json();
    let (secret, id) = (made["secret"].as_str().expect("a secret"), made["id"].as_str().expect("an id"));
    assert!(secret.starts_with("mcpa_") && made["expires_at"].is_string(), "{made}");
    let uma = world.stranger().header("authorization", &format!("Bearer {secret}"));
    assert_eq!(uma.get("/api/v1/me").await.json()["user"], "uma");
    let listed = admin.get("/api/v1/tokens").await;
    assert!(listed.text.contains(id) && !listed.text.contains("mcpa_") && !listed.text.contains("secret"));
    let last_use = listed.json()["tokens"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|token| token["id"] == *id && token["last_used_at"].is_string());
    assert!(last_use, "{}", listed.text);

    assert_eq!(admin.delete(&format!("/api/v1/tokens/{id}")).await.status, StatusCode::NO_CONTENT);
    admin.delete(&format!("/api/v1/tokens/{id}")).await.problem(404, "No such token");
    let told = |entries: &[Value]| {
        let one = entries.iter().find(|entry| entry["resource_id"] == *id).expect("an entry").clone();
        assert_eq!((&one["user"], &one["resource_name"]), (&json!("root"), &json!("laptop")), "{one}");
        assert_eq!((&one["channel"], &one["resource_type"]), (&json!("admin"), &json!("api_key")));
        one["id"].as_str().expect("an id").to_owned()
    };
    let created = told(&admin.entries("action=api_key.created").await);
    told(&admin.entries("action=api_key.revoked").await);
    let entry = admin.get(&format!("/api/v1/entries/{created}")).await;
    assert!(entry.text.contains("uma") && !entry.text.contains("mcpa_"), "{}", entry.text);
}

#[tokio::test]
async fn tokens_need_the_right_to_manage_and_no_token_exceeds_its_creator() {
    let world = World::new();
    let id = world.token("somebody", &["user"]).1.id;
    for groups in GROUPS {
        let caller = world.bearer("ada", groups);
        let may = groups.iter().any(|group| ["admin", "owner", "super-admin"].contains(group));
        let statuses = [
            caller.get("/api/v1/tokens").await.status,
            caller.post("/api/v1/tokens", &body("x", &["user"])).await.status,
            caller.delete("/api/v1/tokens/none").await.status,
        ];
        let expected = if may { [200, 201, 404] } else { [403, 403, 403] };
        assert_eq!(statuses.map(|status| status.as_u16()), expected, "{groups:?}");
    }
    let admin = world.bearer("root", &["admin"]);
    for given in [&["user"][..], &["power-user-plus", "admin"]] {
        assert_eq!(admin.post("/api/v1/tokens", &body("x", given)).await.status, StatusCode::CREATED, "{given:?}");
    }
    for kept in [&["auditor"][..], &["user", "auditor"], &["owner"], &["super-admin"], &["billing-admin"]] {
        admin.post("/api/v1/tokens", &body("x", kept)).await.problem(422, "you may not give");
    }
    let unknown = admin.post("/api/v1/tokens", &body("x", &["user", "nonsense"])).await;
    unknown.problem(422, "unknown group \"nonsense\"; use one of: user, power-user, ");
    admin.post("/api/v1/tokens", &body("x", &[])).await.problem(422, "at least one group");
    admin.post("/api/v1/tokens", &body(" ", &["user"])).await.problem(422, "must not be empty");
    for (expires, word) in [("yesterday", "90d"), ("2020-01-01", "in the past")] {
        let wanted = json!({"user": "x", "groups": ["user"], "expires": expires}).to_string();
        admin.post("/api/v1/tokens", &wanted).await.problem(422, word);
    }
    let both = world.bearer("root", &["admin", "auditor"]);
    assert_eq!(both.post("/api/v1/tokens", &body("x", &["auditor"])).await.status, StatusCode::CREATED);
    assert!(world.tokens.by_id(&id).expect("looked").is_some());
}

#[tokio::test]
async fn tokens_of_another_tenant_are_hidden() {
    let world = World::new();
    let (eu, us) = (world.bearer_in("eu", "root", &["admin"]), world.bearer_in("us", "root", &["admin"]));
    let none = world.bearer("root", &["admin"]);
    let made = eu.post("/api/v1/tokens", &body("uma", &["user"])).await.json();
    assert_eq!(made["instance"], "eu", "of its maker's instance");
    let id = made["id"].as_str().expect("an id");
    for other in [&us, &none] {
        assert!(!other.get("/api/v1/tokens").await.text.contains(id));
        other.delete(&format!("/api/v1/tokens/{id}")).await.problem(404, "No such token");
        assert!(other.entries(&format!("resource_id={id}")).await.is_empty());
    }
    assert_eq!(eu.entries(&format!("resource_id={id}")).await.len(), 1);
    assert_eq!(eu.delete(&format!("/api/v1/tokens/{id}")).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_expired_token_gets_a_reason_and_ends_its_sessions() {
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-01-01").expect("a date")));
    let world = World::at(&clock);
    let admin = world.bearer("root", &["admin"]);
    let wanted = r#"{"user":"uma","groups":["user"],"expires":"2h"}"#;
    let made = admin.post("/api/v1/tokens", wanted).await.json();
    let secret = made["secret"].as_str().expect("a secret");
    let bearer = world.stranger().header("authorization", &format!("Bearer {secret}"));
    let page = world.stranger().header("sec-fetch-site", "same-origin");
    let form = format!("token={secret}");
    let session = world.stranger().header("cookie", &page.form("/sign-in", &form).await.cookie());
    for caller in [&bearer, &session] {
        assert_eq!(caller.get("/api/v1/me").await.json()["user"], "uma");
    }
    clock.advance(DAY / 12);
    bearer.get("/api/v1/me").await.problem(401, "expired at 2026-01-01T02:00:00");
    session.get("/api/v1/me").await.problem(401, "expired at 2026-01-01T02:00:00");
    assert_eq!(session.get("/").await.header("location"), "/sign-in");
    let refused = page.form("/sign-in", &form).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("expired at 2026-01-01T02:00:00") && refused.header("set-cookie").is_empty());
    world.record(call("ada", "search")).await;
    let failed = admin.entries("method=sign_in.failed").await;
    let of_token = |entry: &&Value| entry["user"] == "uma" && entry["error_type"] == "expired_credential";
    // The session is the ended one, whichever user owns it.
    assert_eq!((failed.len(), failed.iter().filter(of_token).count()), (3, 2), "{failed:?}");
}

/// How many entries report a created token.
fn told(log: &AuditLog) -> usize {
    let access = log.view().access(&viewer("root", &["admin"]));
    let made = Domain::equals(Field::Action, "api_key.created");
    log.view().reader(&access).page(made, None, 100).expect("a page").entries.len()
}

#[tokio::test]
async fn token_changes_without_a_running_log_are_recorded_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let open = || Options::new(path).own_schedule().open().expect("a log");
    let tokens = Tokens::open(path).expect("tokens");
    tokens.create(&viewer("uma", &["user"]), "laptop", SystemClock.now()).expect("a token");
    std::fs::copy(path.join("tokens.db"), path.join("kept.db")).expect("copied");
    let log = open();
    assert_eq!(told(&log), 1);
    log.run_due().expect("looked");
    assert_eq!(told(&log), 1, "it is forgotten once it is told");
    log.close();
    // As after a crash between the entry and the forgetting.
    std::fs::copy(path.join("kept.db"), path.join("tokens.db")).expect("copied");
    let log = open();
    assert_eq!(told(&log), 1, "an id is stored once");
    // While the log runs, by another process.
    tokens.create(&viewer("bob", &["user"]), "desk", SystemClock.now()).expect("a token");
    log.run_due().expect("looked");
    assert_eq!(told(&log), 2);
}

#[tokio::test]
async fn use_of_a_revoked_token_is_recorded_with_its_names() {
    let world = World::new();
    let (secret, token) = world.token("uma", &["user"]);
    let leaked = world.stranger().header("authorization", &format!("Bearer {secret}"));
    assert_eq!(leaked.get("/api/v1/me").await.status, StatusCode::OK);
    let admin = world.bearer("root", &["admin"]);
    assert_eq!(admin.delete(&format!("/api/v1/tokens/{}", token.id)).await.status, StatusCode::NO_CONTENT);
    // What was just found is believed for a second.
    while leaked.get("/api/v1/me").await.status == StatusCode::OK {
        tokio::task::yield_now().await;
    }
    leaked.get("/api/v1/entries").await.problem(401, "was revoked");
    world.record(call("ada", "search")).await;
    let told = admin.entries("method=sign_in.failed&user=uma").await;
    assert!(!told.is_empty());
    for entry in told {
        let said = (&entry["error_type"], &entry["connection"], &entry["ip"]);
        assert_eq!(said, (&json!("revoked_credential"), &json!("test"), &json!("203.0.113.7")), "{entry}");
        assert!(["/api/v1/me", "/api/v1/entries"].iter().any(|path| entry["path"] == *path), "{entry}");
    }
}
