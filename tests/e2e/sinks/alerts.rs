//! (short: one property) A raised alert reaches a webhook: a sink whose filter is about alerts.

use mcp_audit_log_tests::{Misdeed, Receiver, eventually};
use serde_json::{Value, json};

use crate::support::Subject;

#[test]
fn a_raised_alert_reaches_a_webhook_and_nothing_else_does() {
    let receiver = Receiver::start(|| Misdeed::None);
    let config = format!(
        "[[sinks]]\nname = \"on-call\"\ngroups = [\"admin\"]\nfilter = \"action:alert.raised,alert.ended\"\n\
         [sinks.webhook]\nurl = \"{}\"\n",
        receiver.url()
    );
    let subject = Subject::new(&config, &[]);
    let running = subject.start();
    running.record(3, "a-marker");
    let view = json!({ "name": "Pages", "query": "action=page.updated" }).to_string();
    let view = running.admin.post("/api/v1/views", view).json();
    let alert = format!("/api/v1/views/{}/alert", view["id"].as_str().expect("an id"));
    let set = running.admin.clone().with("content-type", "application/json").send(
        "PUT",
        &alert,
        json!({ "count": 2, "minutes": 60 }).to_string(),
    );
    assert!(set.status == 200 && set.json()["raised_at"].is_string(), "{set:?}");
    let delivered = eventually("the alert", || receiver.delivered().into_iter().next());
    let body: Value = serde_json::from_slice(&delivered.body).expect("JSON");
    let entries = body["entries"].as_array().expect("entries");
    assert_eq!((entries.len(), entries[0]["action"].as_str()), (1, Some("alert.raised")), "{body}");
    let details = &entries[0]["details"];
    assert_eq!((&details["alert"], &details["count"]), (&"Pages".into(), &3.into()), "{body}");
}
