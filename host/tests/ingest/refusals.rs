//! Each reason for which an item is refused: the refusal names the field, and what to do.

use serde_json::{Value, json};

use crate::support::World;
use crate::{item, only, with};

/// A faulty member, and the expected reason.
fn wrong() -> Vec<(Value, &'static str, &'static str)> {
    let many: serde_json::Map<_, _> = (0..65).map(|at| (format!("fact_{at}"), at.into())).collect();
    vec![
        (json!({ "id": "7" }), "id", "UUID"),
        (json!({ "id": 7 }), "id", "UUID"),
        (json!({ "id": "00000000-0000-0000-0000-000000000000" }), "id", "UUID"),
        (json!({ "id": "ffffffff-ffff-ffff-ffff-ffffffffffff" }), "id", "UUID"),
        (json!({ "parent": "the call" }), "parent", "UUID"),
        (json!({ "occurred_at": "yesterday" }), "occurred_at", "RFC 3339"),
        (json!({ "occurred_at": 1_795_226_986 }), "occurred_at", "text"),
        (json!({ "occurred_at": "1999-12-31T23:59:59Z" }), "occurred_at", "before the year 2000"),
        (json!({ "occurred_at": "2999-01-01T00:00:00Z" }), "occurred_at", "in the future"),
        (json!({ "channel": "carrier-pigeon" }), "channel", "mcp, stdio, oauth, api, admin"),
        (json!({ "channel": null }), "channel", "give mcp, stdio, oauth, api or admin"),
        (json!({ "kind": "wish" }), "kind", "notification"),
        (json!({ "outcome": "maybe" }), "outcome", "success, error, denied"),
        (json!({ "outcome_detail": "fine" }), "outcome_detail", "tool-error"),
        (json!({ "status_code": null }), "outcome", "give outcome, outcome_detail or status_code"),
        (json!({ "status_code": 99 }), "status_code", "100 to 599"),
        (json!({ "status_code": "200" }), "status_code", "whole number"),
        (json!({ "duration_us": -1 }), "duration_us", "whole number from 0"),
        (json!({ "duration_us": i64::MAX }), "duration_us", "whole number from 0"),
        (json!({ "channel": "admin", "arguments": { "new": {} } }), "arguments", "new is the state"),
        (json!({ "target": "a", "prompt": "b" }), "tool", "one of tool, prompt, resource_uri and target"),
        (json!({ "error_code": "x" }), "error_code", "whole number"),
        (json!({ "payload": { "request": "x", "request_length": -1 } }), "payload", "request_length: give a whole"),
        (json!({ "facts": { "changes_left_out": 7 } }), "facts", "is not allowed as a fact"),
        (json!({ "duration_us": 1.5 }), "duration_us", "whole number"),
        (json!({ "request_bytes": -1 }), "request_bytes", "whole number"),
        (json!({ "user": 7 }), "user", "give a text"),
        (json!({ "user": "x".repeat(257) }), "user", "at most 256 characters; this has 257"),
        (json!({ "path": "x".repeat(1_025) }), "path", "at most 1024"),
        (json!({ "resource_id": ["7"] }), "resource_id", "give a text"),
        (json!({ "ip": "localhost" }), "ip", "203.0.113.7"),
        (json!({ "ip": "10.0.0.1:80" }), "ip", "without a port"),
        (json!({ "trace_id": "4bf9" }), "trace_id", "32 hexadecimal"),
        (json!({ "trace_id": "0".repeat(32) }), "trace_id", "32 hexadecimal"),
        (json!({ "tool": "a", "prompt": "b" }), "tool", "one of tool, prompt"),
        (json!({ "usr": "anna" }), "usr", "did you mean user?"),
        (json!({ "weather": "fine" }), "weather", "send anything else as facts"),
        (json!({ "facts": [] }), "facts", "give an object"),
        (json!({ "facts": many }), "facts", "at most this many members: 64"),
        (json!({ "facts": { "": 1 } }), "facts", "names of 1 to 64"),
        (json!({ "facts": { "deep": { "er": 1 } } }), "facts", "\"deep\": give null"),
        (json!({ "facts": { "list": [] } }), "facts", "anything else to a text"),
        (json!({ "facts": { "half": 0.5 } }), "facts", "\"half\": give null"),
        (json!({ "facts": { "long": "x".repeat(1_025) } }), "facts", "at most 1024"),
        (json!({ "facts": { "user": "root" } }), "facts", "\"user\" is not allowed as a fact"),
        (json!({ "arguments": "none" }), "arguments", "give an object"),
        (json!({ "old": { "a": 1 } }), "old", "channel admin"),
        (json!({ "channel": "admin", "new": [1] }), "new", "give an object"),
        (json!({ "payload": "text" }), "payload", "give an object"),
        (json!({ "payload": { "body": "x" } }), "payload", "request and response"),
        (json!({ "payload": { "request": "x".repeat(131_073) } }), "payload", "at most 131072 bytes"),
    ]
}

#[tokio::test]
async fn each_refusal_names_the_field_and_the_remedy() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    for (members, field, word) in wrong() {
        let answer = service.events(&with(&members)).await;
        let shown: String = members.to_string().chars().take(80).collect();
        answer.problem(422, "Nothing was recorded");
        let result = only(&answer);
        assert_eq!((&result["result"], &result["field"]), (&"refused".into(), &field.into()), "{shown}");
        let reason = result["reason"].as_str().expect("a reason");
        assert!(reason.starts_with(&format!("{field}: ")) && reason.contains(word), "{shown}: {reason}");
    }
    assert_eq!(world.bearer("root", &["admin"]).entries("channel=api&channel=admin").await.len(), 0);
}

#[tokio::test]
async fn an_item_that_is_not_an_object_is_refused_alone() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let good = item();
    let large = json!({ "channel": "api", "facts": "x".repeat(600_000) });
    let answer = service.events(&json!([7, "x", null, [], true, large, good])).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let answer = answer.json();
    let reasons: Vec<_> = answer["results"].as_array().expect("results").iter().map(|one| &one["reason"]).collect();
    assert!(reasons[..5].iter().all(|reason| reason.as_str() == Some("give an object")), "{reasons:?}");
    assert!(reasons[5].as_str().expect("a reason").contains("at most 524288 bytes"));
    assert_eq!((&answer["stored"], &answer["refused"]), (&1.into(), &6.into()));
}

#[tokio::test]
async fn a_duplicate_member_is_refused_anywhere() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    for (item, name) in [
        (r#"{"channel":"api","status_code":200,"user":"anna","user":"root"}"#, "user"),
        (r#"{"channel":"api","status_code":200,"user":"anna","\u0075ser":"root"}"#, "user"),
        (r#"{"channel":"api","status_code":200,"facts":{"a":1,"a":2}}"#, "a"),
        (r#"{"channel":"api","status_code":200,"payload":{"request":"","request":""}}"#, "request"),
        (r#"{"channel":"admin","outcome":"success","new":{"a":1,"a":2}}"#, "a"),
    ] {
        let answer = service.lines(item).await;
        let reason = only(&answer)["reason"].as_str().expect("a reason").to_owned();
        assert!(reason.ends_with(&format!("occurs twice in the object: \"{name}\"")), "{item}: {reason}");
    }
}

/// An unreadable value may be a secret, and a sender may log the refusal.
#[tokio::test]
async fn a_refusal_does_not_repeat_values() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    for item in [
        r#"{"channel":"CANARY"}"#,
        r#"{"channel":"api","status_code":"CANARY"}"#,
        r#"{"channel":"api","status_code":200,"payload":"CANARY"}"#,
        r#"{"channel":"api","status_code":200,"payload":{"request":{"a":"CANARY","a":CANARY}}}"#,
        r#"{"channel":"api","status_code":200,"facts":{"a":["CANARY"]}}"#,
        r#"{"channel":"api","status_code":200,"user":"CANARY\ud800"}"#,
        "CANARY",
    ] {
        let answer = service.lines(item).await;
        assert!(answer.status == 422 && !answer.text.contains("CANARY"), "{item}: {}", answer.text);
    }
}
