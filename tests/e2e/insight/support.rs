//! A server with some calls in its log, and users with browsers.

use std::ops::Deref;

use mcp_audit_log_tests::{Browser, Scripts, Server};
use serde_json::{Value, json};

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

    /// A user of `group`, signed in by the form.
    pub(crate) async fn visitor(&self, group: &str, scripts: Scripts) -> Visitor<'_> {
        let visitor = Visitor { browser: Browser::start(scripts).await, server: &self.server };
        let token = self.server.token(&format!("{group}-at-the-browser"), group);
        visitor.signs_in(self.server.address(), &token).await;
        visitor
    }
}

/// A user with a browser.
pub(crate) struct Visitor<'a> {
    pub(crate) browser: Browser,
    pub(crate) server: &'a Server,
}

impl Deref for Visitor<'_> {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl Visitor<'_> {
    pub(crate) async fn goes_back(&self) {
        self.page().back().await.expect("back");
    }
}
