//! A policy on trial: what it would do otherwise, and nothing of entries that the viewer does not see.

use axum::http::StatusCode;
use mcp_audit_log::Event;

use crate::pages_policies::{ACME, main_of};
use crate::support::{World, call};

/// A candidate that names calls after a user of a tenant, if it is shown one.
fn nosy() -> String {
    ACME.replace("when = [[\"target\", \"=\", \"search\"]]", "when = [[\"user\", \"=\", \"hilda\"]]")
}

async fn world() -> World {
    let world = World::new();
    for (user, server) in [("ada", "crm"), ("bob", "crm"), ("bob", "payroll")] {
        let mut event = call(user, "search");
        event.server = Some(server.to_owned());
        world.record(event).await;
    }
    world
}

#[tokio::test]
async fn a_trial_tells_what_would_be_judged_otherwise_and_who_would_see_what() {
    let world = world().await;
    world.token("uma", &["user"]);
    let root = world.browser("root", &["admin"]).await;
    // Whatever came before is judged when this is.
    world.record(Event { server: Some("files".to_owned()), ..call("ada", "ask") }).await;
    let before = world.log.view().policy().health().cache();
    let page = root.upload("/policies/trial", &[("policy", "acme.toml", ACME), ("from", "", "-1h")]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for words in [
        "Different",
        "acme 2.0.0 (sha256:",
        "<del>tool.called</del> → <ins>customer.searched</ins>, <a href=\"/entries/",
        "such as this one</a></td><td class=\"num\">3</td>",
        "<strong>root with admin</strong>: ",
        "loses 1 entry, <a href=\"/entries/",
        "<strong>uma with user</strong>: ",
        "gains 2 entries, <a href=\"/entries/",
        "known from entries, if a member of one of",
        "acme",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(!page.text.contains("you do not see"), "{}", page.text);
    assert_eq!(world.log.view().policy().health().cache(), before, "the active policy was asked itself");
    assert!(root.entries("action=policy.activated").await.is_empty(), "a trial changes nothing");

    let same = root.upload("/policies/trial", &[("from", "", "-1h")]).await;
    assert!(same.text.contains("No difference"), "{}", same.text);
    let none = root.upload(
        "/policies/trial",
        &[("policy", "acme.toml", ACME), ("to", "", "2026-01-01"), ("from", "", "2025-01-01")],
    );
    assert!(none.await.text.contains("None was recorded in this time."));
}

/// A candidate is code of the viewer's choice, so it must not be shown what the viewer does not see.
#[tokio::test]
async fn entries_that_the_viewer_does_not_see_are_only_counted() {
    let world = world().await;
    world.bearer_in("eu", "hilda", &["user"]);
    for _ in 0..2 {
        let mut event = call("hilda", "secret_tool");
        event.caller.instance = Some("eu".to_owned());
        world.record(event).await;
    }
    let root = world.browser("root", &["admin"]).await;
    let page = root.upload("/policies/trial", &[("policy", "nosy.toml", &nosy()), ("from", "", "-1h")]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.text.contains("<p>2 more among them you do not see; no policy was asked about these.</p>"),
        "{}",
        page.text
    );
    for word in ["hilda", "secret_tool", "customer.searched</ins>", "eu with"] {
        assert!(!page.text.contains(word), "{word} is told: {}", page.text);
    }
    // Who sees them learns of them.
    let manager = world.bearer_in("eu", "ina", &["admin"]);
    manager.upload("/policies/trial", &[("policy", "nosy.toml", &nosy())]).await.problem_page(403, "change settings");
}

#[tokio::test]
async fn a_trial_needs_the_right_to_manage_and_keeps_its_input_when_refused() {
    let world = world().await;
    let root = world.browser("root", &["admin"]).await;
    for (from, to, words) in
        [("soon", "", "From: give a time"), ("-1h", "never", "Until: give a time"), ("-1h", "-2h", "Until: ")]
    {
        let parts = [("policy", "acme.toml", ACME), ("from", "", from), ("to", "", to)];
        let page = root.upload("/policies/trial", &parts).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}: {}", page.text);
        assert!(main_of(&page).contains(words), "{words}: {}", page.text);
        assert!(page.text.contains(&format!("name=\"from\" value=\"{from}\"")), "{}", page.text);
    }
    // Under this policy administrators configure, and manage nothing.
    let narrow = ACME.replace("\"manage\", ", "");
    let activated = root.upload("/policies", &[("policy", "acme.toml", &narrow), ("reason", "", "a test")]).await;
    assert_eq!(activated.status, StatusCode::OK, "{}", activated.text);
    let page = root.get("/policies").await;
    assert!(
        page.text.contains("You are not allowed to manage") && !page.text.contains("/policies/trial"),
        "{}",
        page.text
    );
    root.upload("/policies/trial", &[("policy", "acme.toml", ACME)]).await.problem_page(403, "manage");
}

#[tokio::test]
async fn a_candidate_that_fails_is_told_of_and_harms_nothing() {
    let world = world().await;
    let root = world.browser("root", &["admin"]).await;
    // Its access answers about no group of the default policy.
    let stranger = ACME.replace("name = \"admin\"", "name = \"other\"");
    let page = root.upload("/policies/trial", &[("policy", "x.toml", &stranger), ("from", "", "-1h")]).await;
    assert!(page.text.contains("root with admin</strong>: loses the rights read, "), "{}", page.text);
    let broken = root.upload("/policies/trial", &[("policy", "x.wasm", "no component")]).await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", broken.text);
    assert!(main_of(&broken).contains("The policy is not loaded"), "{}", broken.text);
    assert_eq!(world.log.view().policy().health().recent().0, 0);
}
