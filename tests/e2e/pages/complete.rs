//! Completion in the search box: fields, operators and the viewer's own values, by keys and by mouse, and a plain input
//! without a script.

use std::time::{Duration, Instant};

use mcp_audit_log_tests::Scripts;
use thirtyfour::Key;

use crate::support::{Visitor, World};

/// How long the suggestions may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_search_is_completed_by_keys_alone() {
    let world = World::of_two_users();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens("/").await;
    admin.types("/").await;
    admin.types("too").await;
    admin.is_offered(&["tool Tool"]).await;
    assert_eq!(admin.attribute("aria-expanded").await.as_deref(), Some("true"));
    assert_eq!(admin.attribute("aria-activedescendant").await, None, "nothing is chosen, so Enter searches");
    admin.hits(Key::Down).await;
    let active = admin.attribute("aria-activedescendant").await.expect("an option");
    let option = admin.one(&format!("#{active}[role=option][aria-selected=true]")).await;
    assert!(option.text().await.expect("a text").starts_with("tool"));
    admin.hits(Key::Enter).await;
    admin.is_offered(&["search 3", "ask 1", "none not set"]).await;
    let barriers = admin.browser.barriers().await;
    assert!(barriers.is_empty(), "{barriers:#?}");
    admin.types("as").await;
    admin.is_offered(&["ask 1"]).await;
    admin.hits(Key::Down).await;
    admin.hits(Key::Enter).await;
    assert_eq!(admin.typed().await, "tool:ask ");
    admin.types("out").await;
    admin.is_offered(&["outcome Outcome", "detail Exact outcome", "output_tokens Tokens out"]).await;
    admin.hits(Key::Escape).await;
    assert!(admin.all("#q-offers:not([hidden])").await.is_empty(), "Escape closes the list");
    assert_eq!(admin.typed().await, "tool:ask out", "and keeps what was typed");
    for _ in 0..3 {
        admin.hits(Key::Backspace).await;
    }
    admin.hits(Key::Enter).await;
    admin.one("main .facets").await;
    assert_eq!(admin.rows().await.len(), 1);
}

#[tokio::test]
async fn values_are_those_of_the_viewer_and_can_be_clicked() {
    let world = World::of_two_users();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens("/").await;
    admin.one("#q").await.send_keys("-user:b").await.expect("typed");
    admin.is_offered(&["bob 2", "admin-at-the-browser 1"]).await;
    admin.one("#q-offers li").await.click().await.expect("clicked");
    assert_eq!(admin.typed().await, "-user:bob ");
    admin.one("#q[aria-expanded=false]:focus").await;

    let user = world.visitor("user", Scripts::On).await;
    user.opens("/").await;
    user.one("#q").await.send_keys("user:").await.expect("typed");
    user.is_offered(&["user-at-the-browser 1", "none not set"]).await;
}

#[tokio::test]
async fn without_a_script_the_box_is_a_plain_input() {
    let world = World::of_two_users();
    let admin = world.visitor("admin", Scripts::Off).await;
    admin.opens("/").await;
    admin.one("#q[type=search]:not([role])").await.send_keys("tool:ask").await.expect("typed");
    admin.one("form.search button[type=submit]").await.click().await.expect("clicked");
    assert_eq!(admin.rows().await.len(), 1);
}

impl Visitor<'_> {
    /// Types where the focus is.
    async fn types(&self, keys: &str) {
        let focused = self.page().active_element().await.expect("the focus");
        focused.send_keys(keys).await.expect("typed");
    }

    async fn typed(&self) -> String {
        self.one("#q").await.prop("value").await.expect("read").unwrap_or_default()
    }

    async fn attribute(&self, name: &str) -> Option<String> {
        self.one("#q").await.attr(name).await.expect("read")
    }

    /// Waits until these are the suggestions: a text has other ones while it is typed.
    async fn is_offered(&self, expected: &[&str]) {
        let begun = Instant::now();
        while self.offered().await != expected {
            assert!(begun.elapsed() < PATIENCE, "{:?} instead of {expected:?}", self.offered().await);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The suggestions at present.
    async fn offered(&self) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll('#q-offers:not([hidden]) li')].map((one) => one.textContent)";
        let offered = self.runs(script).await;
        let texts = offered.as_array().expect("a list").iter().filter_map(|text| text.as_str());
        texts.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}
