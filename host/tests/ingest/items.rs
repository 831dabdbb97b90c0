//! The values of an item become the values of the entry.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::World;
use crate::{EVENTS, id, only, with};

#[tokio::test]
async fn every_field_of_an_item_is_in_the_entry() {
    let world = World::new();
    let (own, parent) = (id(), id());
    let given = json!({
        "id": own,
        "occurred_at": "2026-01-02T03:04:05.678901Z",
        "channel": "mcp",
        "kind": "request",
        "method": "tools/call",
        "tool": "update_invoice",
        "server": "erp",
        "http_method": "POST",
        "path": "/mcp/erp",
        "protocol_version": "2025-11-25",
        "outcome_detail": "tool-error",
        "status_code": 200,
        "duration_us": 1234,
        "request_bytes": 10,
        "response_bytes": 20,
        "user": "uma",
        "connection": "umas-laptop",
        "agent": "planner",
        "agent_instance": "run-7",
        "instance": "eu",
        "client_name": "cli",
        "client_version": "1.2",
        "request_id": "7",
        "ip": "203.0.113.9",
        "user_agent": "cli/1.2",
        "model": "account.move",
        "record_id": "INV/2026/0042",
        "error_type": "locked",
        "error_message": "The invoice is locked",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "parent": parent,
    });
    let mut item = given.clone();
    let more = json!({ "session": "5e55-CANARY", "facts": { "reason": "late", "tries": 3, "blocked": true } });
    item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let answer = world.bearer("platform", &["service"]).events(&item).await;
    assert_eq!((answer.status, only(&answer)["result"].clone()), (StatusCode::OK, "stored".into()), "{}", answer.text);

    let auditor = world.bearer_in("eu", "otto", &["auditor"]);
    let entry = auditor.get_json(format!("/api/v1/entries/{own}")).await;
    for (name, value) in given.as_object().expect("an object") {
        assert_eq!(&entry[name], value, "{name}");
    }
    assert_eq!((&entry["action"], &entry["outcome"]), (&"tool.called".into(), &"error".into()));
    assert_eq!(entry["seq"], only(&answer)["seq"]);
    let details = &entry["details"];
    assert_eq!((&details["reason"], &details["tries"]), (&"late".into(), &3.into()));
    assert_eq!((&details["blocked"], &details["sent_by"]), (&true.into(), &"platform".into()));
    let session = entry["session"].as_str().expect("a session");
    assert!(session.starts_with("5e55-") && !session.contains("CANARY"), "a session's id is a credential: {session}");
}

#[tokio::test]
async fn the_outcome_follows_from_the_item() {
    let world = World::new();
    let (service, admin) = (world.bearer("platform", &["service"]), world.bearer("root", &["admin"]));
    for (given, outcome, detail) in [
        (json!({ "status_code": 204 }), "success", "ok"),
        (json!({ "status_code": 403 }), "denied", "denied"),
        (json!({ "status_code": 500 }), "error", "rejected"),
        (json!({ "outcome": "success", "status_code": null }), "success", "ok"),
        (json!({ "outcome": "denied", "status_code": null }), "denied", "denied"),
        (json!({ "outcome": "error", "status_code": 404 }), "error", "rejected"),
        (json!({ "outcome": "error", "status_code": null }), "error", "unknown"),
        (json!({ "outcome_detail": "cancelled" }), "error", "cancelled"),
    ] {
        let answer = service.events(&with(&given)).await;
        assert_eq!(answer.status, StatusCode::OK, "{given}: {}", answer.text);
        let entry = admin.get_json(format!("/api/v1/entries/{}", only(&answer)["id"].as_str().expect("an id"))).await;
        assert_eq!((entry["outcome"].as_str(), entry["outcome_detail"].as_str()), (Some(outcome), Some(detail)));
        assert_eq!(entry["error_type"].is_string(), outcome != "success", "{given}");
    }
}

#[tokio::test]
async fn missing_members_are_unset_and_url_secrets_are_removed() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let given = json!({
        "id": null, "user": "", "seq": null, "tool": null,
        "path": "/a?key=CANARY", "channel": "mcp", "method": "resources/read",
        "resource_uri": "https://anna:CANARY@files.example/a?token=CANARY",
    });
    let answer = service.events(&with(&given)).await;
    let id = only(&answer)["id"].as_str().expect("a fresh id").to_owned();
    let entry = world.bearer("root", &["admin"]).get_json(format!("/api/v1/entries/{id}")).await;
    assert_eq!((&entry["user"], &entry["path"]), (&Value::Null, &"/a".into()));
    assert_eq!(entry["resource_uri"], "https://files.example/a");
    assert!(entry["occurred_at"].is_string() && !entry.to_string().contains("CANARY"));
}

#[tokio::test]
async fn a_change_comes_from_two_states_with_secrets_masked() {
    let world = World::new();
    let change = with(&json!({
        "channel": "admin", "method": "provider.updated", "user": "anna", "status_code": null, "outcome": "success",
        "resource_type": "provider", "resource_id": "p7", "resource_name": "Northwind",
        "old": { "enabled": false, "region": "eu", "api_key": "CANARY-1" },
        "new": { "enabled": true, "region": "eu", "api_key": "CANARY-2", "limits": { "daily": 9, "token": "CANARY-3" } },
    }));
    let answer = world.bearer("platform", &["service"]).events(&change).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let id = change["id"].as_str().expect("an id");
    let entry = world.bearer("root", &["admin"]).get_json(format!("/api/v1/entries/{id}")).await;
    assert_eq!((&entry["action"], &entry["resource_id"]), (&"provider.updated".into(), &"p7".into()));
    assert_eq!(
        entry["details"]["changes"],
        json!([
            { "field": "enabled", "old": false, "new": true },
            { "field": "api_key", "old": "[masked]", "new": "[masked]" },
            { "field": "limits.daily", "old": null, "new": 9 },
            { "field": "limits.token", "old": null, "new": "[masked]" },
        ])
    );
    assert!(!entry.to_string().contains("CANARY"));
}

#[tokio::test]
async fn only_a_service_may_send() {
    let world = World::new();
    for groups in crate::support::GROUPS {
        let answer = world.bearer("ada", groups).events(&crate::item()).await;
        match groups.contains(&"service") {
            true => assert_eq!(answer.status, StatusCode::OK, "{}", answer.text),
            false => answer.problem(403, "send events"),
        }
    }
    world.stranger().events(&crate::item()).await.problem(401, "token");
    let service = world.bearer("platform", &["service"]);
    service.get("/api/v1/entries").await.problem(403, "read entries");
    service.get(EVENTS).await.problem(405, "Allow");
    // A browser's cookie is no reason to believe a foreign page.
    let browser = world.browser("platform", &["service"]).await.header("sec-fetch-site", "cross-site");
    browser.events(&crate::item()).await.problem(403, "not come from a page of this site");
}

#[tokio::test]
async fn the_tenant_of_an_event_comes_from_the_token() {
    let world = World::new();
    let eu = world.bearer_in("eu", "platform", &["service"]);
    let (own, named, foreign) =
        (with(&json!({})), with(&json!({ "instance": "eu" })), with(&json!({ "instance": "us" })));
    let answer = eu.events(&json!([own, named, foreign])).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let results = &answer.json()["results"];
    assert_eq!((&results[0]["result"], &results[1]["result"]), (&"stored".into(), &"stored".into()));
    assert_eq!((&results[2]["result"], &results[2]["field"]), (&"refused".into(), &"instance".into()));
    let seen = world.bearer_in("eu", "root", &["admin"]).entries("channel=api").await;
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|entry| entry["instance"] == "eu"));
    assert_eq!(world.bearer_in("us", "root", &["admin"]).entries("channel=api").await.len(), 0);
    // A token of no instance is the whole platform's.
    let platform = world.bearer("platform", &["service"]).events(&foreign).await;
    assert_eq!(only(&platform)["result"], "stored");
    assert_eq!(world.bearer_in("us", "root", &["admin"]).entries("channel=api").await.len(), 1);
}

/// The log stores the sender's own description of a failure, and adds nothing.
#[tokio::test]
async fn a_failure_has_the_senders_description_or_is_unknown() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let auditor = world.bearer("otto", &["auditor"]);
    for (given, kind, message) in [
        (json!({"outcome": "denied"}), "denied", "The request was refused"),
        (json!({"outcome": "error"}), "unknown", "It failed; the sender gave no reason"),
        (json!({"outcome": "denied", "error_type": "quota"}), "quota", ""),
        (json!({"outcome": "error", "error_message": "The disk is full"}), "unknown", "The disk is full"),
        (json!({"status_code": 403}), "403", "Forbidden"),
        (json!({"status_code": 403, "error_type": "blocked_by_policy"}), "blocked_by_policy", ""),
    ] {
        let mut item = json!({ "id": id(), "channel": "admin", "method": "user.deleted" });
        item.as_object_mut().expect("an object").extend(given.as_object().expect("an object").clone());
        let answer = service.events(&item).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let entry = auditor.get_json(format!("/api/v1/entries/{}", item["id"].as_str().expect("an id"))).await;
        assert_eq!(entry["error_type"], kind, "{given}");
        assert_eq!(entry["error_message"].as_str().unwrap_or_default(), message, "{given}");
    }
}
