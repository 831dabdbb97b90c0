//! The live list: new entries appear without a reload, and the page shows when updates stop.

use mcp_audit_log_tests::Scripts;
use serde_json::{Value, json};

use crate::support::World;

fn call(tool: &str) -> Value {
    json!({ "channel": "mcp", "method": "tools/call", "tool": tool, "user": "uma", "outcome": "success" })
}

#[tokio::test]
async fn a_new_call_appears_at_the_top_under_the_filter() {
    let world = World::of(&json!([call("first"), call("second")]));
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens("/?user=uma&columns=time,tool").await;
    let page = admin.browser.one("main").await;
    admin.clicks("#live").await;
    admin.sees("#live[aria-pressed=true]", "Live").await;
    admin.presses("j").await;
    for tool in ["third", "fourth"] {
        world.send(&json!([{ "channel": "mcp", "method": "tools/call", "tool": "other", "user": "eve",
                             "outcome": "success" }, call(tool)]));
        admin.sees("table.log tbody tr:first-child.new", tool).await;
    }
    let rows = admin.rows().await;
    assert_eq!(rows.len(), 4, "{rows:#?}");
    admin.sees(".overview .sums", "4 entries").await;
    assert!(page.is_present().await.expect("an answer"), "the page was not loaded again");
}

#[tokio::test]
async fn the_first_matching_call_appears_on_an_empty_list() {
    let world = World::of(&json!([call("first")]));
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens("/?tool=rare").await;
    admin.sees(".empty", "Nothing matches").await;
    admin.clicks("#live").await;
    admin.sees("#live[aria-pressed=true]", "Live").await;
    world.send(&call("rare"));
    admin.sees("table.log tbody tr", "rare").await;
    admin.sees(".overview .sums", "1 entry").await;
    world.send(&call("rare"));
    admin.browser.one("table.log tbody tr:nth-child(2)").await;
}

#[tokio::test]
async fn a_signed_out_viewer_sees_that_the_list_stopped() {
    let world = World::of(&json!([call("first")]));
    let admin = world.visitor("admin", Scripts::On).await;
    admin.clicks("#live").await;
    admin.sees("#live[aria-pressed=true]", "Live").await;
    let api = world.server.api("super-admin");
    let tokens = api.get("/api/v1/tokens").json();
    let mine =
        tokens["tokens"].as_array().expect("tokens").iter().find(|token| token["user"] == "admin-at-the-browser");
    let id = mine.expect("a token")["id"].as_str().expect("an id").to_owned();
    assert_eq!(api.send("DELETE", &format!("/api/v1/tokens/{id}"), "").status, 204);
    admin.sees("#status", "Live has stopped").await;
    admin.sees("#live[aria-pressed=false]", "Live").await;
}

#[tokio::test]
async fn a_hidden_page_pauses_and_catches_up() {
    let world = World::of(&json!([call("first")]));
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens("/?user=uma").await;
    admin.clicks("#live").await;
    admin.sees("#status", "Live: new entries").await;
    admin.runs("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });").await;
    admin.runs("document.dispatchEvent(new Event('visibilitychange'));").await;
    assert_eq!(admin.runs("return source === null && wanted;").await, true, "it follows and nobody looks");
    world.send(&call("meanwhile"));
    admin.runs("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'));").await;
    admin.sees("table.log tbody tr:first-child", "meanwhile").await;
}
