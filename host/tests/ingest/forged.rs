//! Senders cannot forge the log's own entries or values.

use serde_json::json;

use crate::support::World;
use crate::{only, with};

#[tokio::test]
async fn values_reserved_for_the_log_are_refused() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    for (members, field) in [
        (json!({ "seq": 0 }), "seq"),
        (json!({ "recorded_at": "2026-01-01T00:00:00Z" }), "recorded_at"),
        (json!({ "action": "log.stopped" }), "action"),
        (json!({ "fault": "out-of-fuel" }), "fault"),
        (json!({ "has_payload": true }), "has_payload"),
        (json!({ "payload_commitment": "00" }), "payload_commitment"),
        (json!({ "details": {} }), "details"),
        (json!({ "changes": [] }), "changes"),
        (json!({ "sent_by": "anna" }), "sent_by"),
        (json!({ "facts": { "sent_by": "anna" } }), "facts"),
        (json!({ "facts": { "fault": "none" } }), "facts"),
        (json!({ "facts": { "request_bytes": -1 } }), "facts"),
        (json!({ "channel": "system" }), "channel"),
        (json!({ "kind": "system" }), "kind"),
        (json!({ "kind": "intent" }), "kind"),
        (json!({ "status_code": null, "outcome_detail": "intended" }), "outcome_detail"),
        (json!({ "outcome": "success", "outcome_detail": "denied" }), "outcome"),
    ] {
        let answer = service.events(&with(&members)).await;
        answer.problem(422, "Nothing was recorded");
        let result = only(&answer);
        assert_eq!(result["field"], field, "{members}: {result}");
    }
    assert_eq!(world.bearer("root", &["admin"]).entries("channel=api").await.len(), 0);
}

/// Only the log's own last entry shows whether the last stop was clean.
#[tokio::test]
async fn senders_cannot_fake_a_clean_stop() {
    let world = World::new();
    let stopped = with(&json!({ "channel": "admin", "method": "log.stopped" }));
    let answer = world.bearer("platform", &["service"]).events(&stopped).await;
    assert_eq!(only(&answer)["result"], "stored");
    // The files as a crash would leave them.
    let copy = tempfile::tempdir().expect("a folder");
    for file in world.files().iter().filter(|file| file.parent() == Some(world.folder.path())) {
        std::fs::copy(file, copy.path().join(file.file_name().expect("a name"))).expect("a copy");
    }
    let log = mcp_audit_log::Options::new(copy.path()).open().expect("a log");
    let access = log.view().access(&crate::support::viewer("root", &["admin"]));
    let last = log
        .view()
        .reader(&access)
        .page(mcp_audit_log::filter::Domain::TRUE, None, 1)
        .expect("a page")
        .entries
        .remove(0);
    assert_eq!(last.details["last_stop_clean"], false);
}
