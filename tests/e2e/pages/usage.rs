//! Usage: from figures to entries and back.

use mcp_audit_log_tests::Scripts;
use serde_json::json;

use crate::support::{Visitor, World};

#[tokio::test]
async fn usage_figures_link_to_entries_and_back() {
    let world = World::of_two_users();
    for scripts in [Scripts::On, Scripts::Off] {
        let admin = world.visitor("admin", scripts).await;
        admin.follows("Usage").await;
        admin.follows("7 days").await;
        assert_eq!(admin.reads(".tile .figure").await, "4", "{scripts:?}");
        admin.drills_down_to_the_search().await;
        admin.opens_the_errors_and_returns().await;
        admin.comes_back_from_the_list().await;
        admin.opens_a_bar().await;
    }
}

#[tokio::test]
async fn hostile_names_neither_run_nor_break_the_page() {
    let world = World::of_two_users();
    let long = "x".repeat(10_000);
    for name in ["<script>document.title = 'ran'</script>", "\u{202e}gpj.exe", long.as_str()] {
        world.send(&json!([{ "channel": "mcp", "method": "tools/call", "tool": "hostile", "server": "crm",
            "connection": name.chars().take(200).collect::<String>(), "user": "mallory", "outcome": "success" }]));
    }
    let admin = world.visitor("admin", Scripts::On).await;
    for (width, height) in [(390, 800), (2_000, 1_000)] {
        admin.browser.page().set_window_rect(0, 0, width, height).await.expect("resized");
        for path in ["/usage", "/usage?by=connection", "/integrity", "/settings"] {
            admin.browser.open(&format!("{}{path}", world.server.address())).await;
            let title = admin.browser.page().title().await.expect("a title");
            assert!(title.ends_with("· mcp-audit-log"), "{title}");
            assert!(admin.fits().await, "{path} is wider than {width} pixels");
        }
    }
}

#[tokio::test]
async fn viewers_with_usage_rights_only_start_on_the_usage_page() {
    let world = World::of_two_users();
    let billing = world.visitor("billing-admin", Scripts::Off).await;
    assert_eq!(billing.address().await, "/usage");
    // Their figures end at the last full hour, which `host/tests/http/sign_in_limits.rs` tests with a manual clock.
    assert_eq!(billing.reads("nav[aria-label=Main]").await, "Usage");
    assert!(billing.browser.all("main a[href^='/?'], .bars a").await.is_empty(), "a way to entries is offered");
    let user = world.visitor("user", Scripts::Off).await;
    user.follows("Usage").await;
    assert!(user.browser.text().await.contains("No requests in this range."), "others' requests are counted");
}

impl Visitor<'_> {
    /// A row links to its own figures.
    async fn drills_down_to_the_search(&self) {
        self.follows("search").await;
        assert_eq!(self.reads(".lifts a").await, "Tool: search × (on, select to remove)");
        assert_eq!(self.reads(".tile .figure").await, "3");
        assert_eq!(self.address().await, "/usage?range=7d&tool=search");
    }

    async fn opens_the_errors_and_returns(&self) {
        self.follows("1 (33.3 %)").await;
        assert_eq!(self.listed().await, 1);
        assert!(self.reads("table.log").await.contains("error"));
        self.goes_back().await;
        assert_eq!(self.address().await, "/usage?range=7d&tool=search");
    }

    /// Compares the requests of the figure with the entries in the linked list.
    async fn comes_back_from_the_list(&self) {
        self.leaves_by(".tile .figure a").await;
        assert_eq!(self.listed().await, 3);
        self.leaves_by("a.to-usage").await;
        assert_eq!(self.reads(".tile .figure").await, "3");
        let address = self.address().await;
        assert!(address.starts_with("/usage?tool=search&from="), "{address}");
    }

    /// A bar has a description, and links to it.
    async fn opens_a_bar(&self) {
        let title = self.browser.one(".bars a title").await.inner_html().await.expect("a title");
        assert!(title.contains("3 requests, 1 errors"), "{title}");
        self.clicks(".below summary").await;
        self.leaves_by(".below table a").await;
        assert_eq!(self.listed().await, 3);
    }

    /// The number of entries in the list.
    async fn listed(&self) -> usize {
        self.browser.one("table.log tbody tr").await;
        self.browser.all("table.log tbody tr").await.len()
    }
}
