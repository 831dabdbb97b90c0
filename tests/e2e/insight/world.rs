//! A server whose log has some calls in it, and people at browsers.

use mcp_audit_tests::{Browser, Scripts, Server};
use serde_json::{Value, json};
use thirtyfour::By;
use thirtyfour::prelude::ElementWaitable;

pub(crate) struct World {
    pub(crate) server: Server,
}

impl World {
    /// Calls of two users: of `search` two that succeeded and one that failed, and one of `ask`.
    pub(crate) fn start() -> Self {
        let world = Self { server: Server::start(&[]) };
        let call = |user: &str, tool: &str, outcome: &str| {
            json!({ "channel": "mcp", "method": "tools/call", "tool": tool, "server": "crm", "user": user,
                    "outcome": outcome, "duration_us": 83_000, "connection": "laptop" })
        };
        let calls = [
            call("ada", "search", "success"),
            call("ada", "search", "error"),
            call("bob", "search", "success"),
            call("bob", "ask", "success"),
        ];
        world.send(&json!(calls));
        world
    }

    /// Records what a platform sends.
    pub(crate) fn send(&self, events: &Value) {
        let answer = self.server.api("service").post("/api/v1/events", events.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Somebody of `group`, signed in by the form.
    pub(crate) async fn visitor(&self, group: &str, scripts: Scripts) -> Visitor<'_> {
        let visitor = Visitor { browser: Browser::start(scripts).await, server: &self.server };
        visitor.browser.open(self.server.address()).await;
        let token = self.server.token(&format!("{group}-at-the-browser"), group);
        visitor.types("input[name=token]", &token).await;
        visitor.leaves_by("main button[type=submit]").await;
        visitor.browser.one("nav[aria-label=Main] a").await;
        visitor
    }
}

pub(crate) struct Visitor<'a> {
    pub(crate) browser: Browser,
    pub(crate) server: &'a Server,
}

impl Visitor<'_> {
    /// Follows a link by its text.
    pub(crate) async fn follows(&self, text: &str) {
        let link = self.browser.page().find(By::LinkText(text)).await;
        let link = link.unwrap_or_else(|error| panic!("no link {text}: {error}"));
        link.click().await.expect("clicked");
        link.wait_until().stale().await.expect("another page");
    }

    pub(crate) async fn clicks(&self, selector: &str) {
        self.browser.one(selector).await.click().await.expect("clicked");
    }

    /// Clicks what leads to another page, and waits until this one is gone.
    pub(crate) async fn leaves_by(&self, selector: &str) {
        let element = self.browser.one(selector).await;
        element.click().await.expect("clicked");
        element.wait_until().stale().await.expect("another page");
    }

    /// Types into an input, over what is there.
    pub(crate) async fn types(&self, selector: &str, text: &str) {
        let input = self.browser.one(selector).await;
        input.clear().await.expect("cleared");
        input.send_keys(text).await.expect("typed");
    }

    /// The text of the first element that fits, with single spaces.
    pub(crate) async fn reads(&self, selector: &str) -> String {
        let text = self.browser.one(selector).await.text().await.expect("a text");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The path and query of where they are.
    pub(crate) async fn is_at(&self) -> String {
        let url = self.browser.page().current_url().await.expect("an address");
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    pub(crate) async fn goes_back(&self) {
        self.browser.page().back().await.expect("back");
    }
}
