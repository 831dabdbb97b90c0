//! Who may see payloads, and the entries about each reading.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{GROUPS, World, call, call_with};

const CANARY: &str = "canary-in-a-body";

fn is_auditor(groups: &[&str]) -> bool {
    groups.contains(&"auditor")
}

#[tokio::test]
async fn a_payload_is_shown_to_auditors_only() {
    let world = World::new();
    world.keep_payloads().await;
    let request = format!(r#"{{"params":{{"note":"{CANARY}","number":1.10,"big":123456789012345678901234567890}}}}"#);
    let id = world.record(call_with("ada", &request, CANARY)).await;
    for groups in GROUPS {
        let answer = world.bearer("ada", groups).get(&format!("/api/v1/entries/{id}")).await;
        assert_eq!(answer.text.contains(CANARY), is_auditor(groups), "{groups:?}: {}", answer.text);
        assert_eq!(answer.text.contains(r#""payload""#), is_auditor(groups), "{groups:?}");
        let browser = world.browser("ada", groups).await;
        for page in ["/", &format!("/entries/{id}"), "/settings"] {
            assert!(!browser.get(page).await.text.contains(CANARY), "{groups:?} {page}");
        }
        let page = browser.get(&format!("/entries/{id}?show=payload")).await;
        assert_eq!(page.text.contains(CANARY), is_auditor(groups), "{groups:?}");
        let list = world.bearer("ada", groups).get("/api/v1/entries").await;
        assert!(!list.text.contains(CANARY), "a list has no payloads");
    }
    let shown = world.bearer("eve", &["auditor"]).get(&format!("/api/v1/entries/{id}")).await;
    assert!(shown.text.contains("123456789012345678901234567890"), "numbers are shown as they were sent");
    let payload = &shown.json()["payload"];
    assert_eq!((&payload["request"]["params"]["note"], &payload["response"]), (&json!(CANARY), &json!(CANARY)));
    assert_eq!((&payload["response_truncated"], &payload["response_bytes"]), (&json!(false), &json!(CANARY.len())));
}

#[tokio::test]
async fn reading_a_payload_is_recorded_and_reading_an_entry_is_not() {
    let world = World::new();
    world.keep_payloads().await;
    let id = world.record(call_with("ada", "{}", "{}")).await;
    let admin = world.bearer("root", &["admin"]);
    let browser = world.browser("eve", &["auditor"]).await;
    let page = browser.get(&format!("/entries/{id}")).await;
    assert!(page.text.contains("?show=payload") && !page.text.contains("<div class=\"json\"><div>{}</div></div>"));
    assert_eq!(admin.entries("method=payload.read").await.len(), 0);
    assert!(
        browser
            .get(&format!("/entries/{id}?show=payload"))
            .await
            .text
            .contains("<div class=\"json\"><div>{}</div></div>")
    );
    world.bearer("eve", &["auditor"]).get(&format!("/api/v1/entries/{id}")).await;
    let readings = admin.entries("method=payload.read").await;
    assert_eq!(readings.len(), 2);
    assert!(readings.iter().all(|entry| entry["user"] == "eve" && entry["resource_id"] == id.as_str()));
}

#[tokio::test]
async fn a_page_says_why_there_is_no_payload() {
    let world = World::new();
    let off = world.record(call("ada", "search")).await;
    let auditor = world.browser("eve", &["auditor"]).await;
    assert!(
        auditor
            .get(&format!("/entries/{off}?show=payload"))
            .await
            .text
            .contains("An administrator can switch it on under Settings")
    );
    world.keep_payloads().await;
    assert!(
        auditor.get(&format!("/entries/{off}")).await.text.contains("Payload logging was off when this was recorded")
    );
    let kept = world.record(call_with("ada", r#"{"password":"hunter2"}"#, &"x".repeat(100_000))).await;
    let admin = world.browser("root", &["admin"]).await.get(&format!("/entries/{kept}?show=payload")).await;
    assert!(admin.text.contains("only auditors may see it") && !admin.text.contains("?show=payload"));
    let shown = auditor.get(&format!("/entries/{kept}?show=payload")).await;
    assert!(shown.text.contains("secrets masked") && shown.text.contains("truncated"), "{}", shown.text);
    assert!(!shown.text.contains("hunter2"));
    let none = world.bearer("eve", &["auditor"]).get(&format!("/api/v1/entries/{off}")).await;
    assert_eq!((none.status, &none.json()["payload"]), (StatusCode::OK, &json!(null)));
}
