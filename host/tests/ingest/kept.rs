//! Payloads from senders obey the same switch and masks as captured ones.

use serde_json::json;

use crate::support::World;
use crate::{only, with};

const CANARY: &str = "CANARY-7f3a";

#[tokio::test]
async fn payloads_are_kept_only_while_the_setting_is_on_and_secrets_never() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let sent = |word: &str| {
        with(&json!({
            "channel": "mcp", "method": "tools/call", "tool": "search",
            "arguments": { "text": CANARY },
            "payload": { "request": { "text": word, "password": CANARY }, "response": "found it" },
        }))
    };
    let off = sent(CANARY);
    assert_eq!(service.events(&off).await.status, 200);
    for file in world.files() {
        let bytes = match std::fs::read(&file) {
            // What is signed is written beside its file first.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read.expect("bytes"),
        };
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{} holds what was said while the switch was off", file.display());
    }
    world.keep_payloads().await;
    let on = sent("lemons");
    assert_eq!(service.events(&on).await.status, 200);
    let auditor = world.bearer("otto", &["auditor"]);
    let entry = |item: &serde_json::Value| format!("/api/v1/entries/{}", item["id"].as_str().expect("an id"));
    assert_eq!(auditor.get_json(entry(&off)).await["payload"], json!(null));
    let kept = auditor.get_json(entry(&on)).await;
    assert_eq!(
        (&kept["payload"]["request"]["text"], &kept["payload"]["response"]),
        (&"lemons".into(), &"found it".into())
    );
    assert!(!kept.to_string().contains(CANARY), "{kept}");
    assert!(world.bearer("root", &["admin"]).get_json(entry(&on)).await.get("payload").is_none());
}

/// What capture knows of an event, a sender can send too.
#[tokio::test]
async fn a_cut_body_another_target_and_arguments_of_any_name_are_accepted() {
    let world = World::new();
    world.keep_payloads().await;
    let service = world.bearer("platform", &["service"]);
    let sent = with(&json!({
        "channel": "mcp", "method": "tasks/get", "target": "task-1", "status_code": null,
        "outcome_detail": "rpc-error", "error_type": "-32602", "error_code": -32602,
        "arguments": { "old": "a", "new": "b" },
        "payload": { "request": "{\"a\": \"beg", "request_length": 70_000, "response": "whole", "response_length": null },
    }));
    let answer = service.events(&sent).await;
    assert_eq!((&only(&answer)["result"], &answer.json()["keeps_payloads"]), (&json!("stored"), &json!(true)));
    let auditor = world.bearer("rita", &["auditor"]);
    let id = sent["id"].as_str().expect("an id");
    let entry = auditor.get_json(format!("/api/v1/entries/{id}")).await;
    assert_eq!((&entry["resource_type"], &entry["resource_id"]), (&json!("task"), &json!("task-1")), "{entry:#}");
    let notes = &entry["payload"];
    assert_eq!((&notes["request_bytes"], &notes["request_truncated"]), (&json!(70_000), &json!(true)), "{entry:#}");
    assert_eq!((&notes["response_bytes"], &notes["response_truncated"]), (&json!(5), &json!(false)), "{entry:#}");
}
