//! A user sets an alert on a saved view, sees that it is raised on every page, and removes it.

use mcp_audit_log_tests::{Api, Scripts};
use serde_json::json;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_set_raised_marked_and_removed() {
    let world = World::of_two_users();
    let admin = world.visitor("admin", Scripts::Off).await;
    admin.follows("Alerts").await;
    let page = admin.text().await;
    assert!(page.contains("Changed tool definitions") && page.contains("on a saved view of yours"), "{page}");
    assert!(admin.all("nav .raised").await.is_empty());

    let same_user = world.server.token("admin-at-the-browser", "admin");
    let api = Api::new(world.server.address(), &same_user);
    let view = json!({ "name": "Failures", "query": "outcome=error" });
    assert_eq!(api.post("/api/v1/views", view.to_string()).status, 201);
    admin.opens("/alerts").await;
    admin.types("input[name=count]", "none").await;
    admin.leaves_by("#set button").await;
    assert_eq!(admin.reads(".wrong").await, "Entries: give a whole number.");
    admin.types("input[name=count]", "1").await;
    admin.leaves_by("#set button").await;

    let raised = admin.reads("#all .alert:nth-of-type(2)").await;
    assert!(raised.contains("Failures") && raised.contains("Raised") && raised.contains("1 in this time"), "{raised}");
    admin.opens("/usage").await;
    assert!(admin.reads("nav .raised").await.starts_with('1'));
    let entries = api.entries("action=alert.raised");
    assert_eq!((entries.len(), entries[0]["user"].as_str()), (1, Some("admin-at-the-browser")));
    let other = world.visitor("auditor", Scripts::Off).await;
    other.opens("/alerts").await;
    assert!(!other.text().await.contains("Failures"), "it is its owner's");

    admin.opens("/alerts").await;
    admin.clicks("#all .alert summary").await;
    admin.leaves_by("#all .alert button.danger").await;
    assert!(admin.all("nav .raised").await.is_empty());
    assert_eq!(api.entries("action=alert.ended").len(), 1);
}
