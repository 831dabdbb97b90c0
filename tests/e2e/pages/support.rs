//! A server with entries in its log, and users with browsers.

use std::ops::Deref;

use mcp_audit_log_tests::{Browser, Everything, Scripts, Server, eventually, script};
use serde_json::{Value, json};

/// A server with a log of real calls.
pub(crate) struct World {
    pub(crate) server: Server,
    _everything: Option<Everything>,
    token: String,
}

impl World {
    /// With an MCP server as its upstream.
    pub(crate) fn with_upstream() -> Self {
        let everything = Everything::start();
        let server = Server::start(&[("everything", &everything.url())]);
        let token = server.token("ursula", "user");
        Self { server, _everything: Some(everything), token }
    }

    /// With a log of the events that are sent to it.
    pub(crate) fn of(events: &Value) -> Self {
        let world = Self { server: Server::start(&[]), _everything: None, token: String::new() };
        world.send(events);
        world
    }

    /// Calls of two users: for `search`, two that succeeded and one that failed; and one of `ask`.
    pub(crate) fn of_two_users() -> Self {
        let call = |user: &str, tool: &str, outcome: &str| {
            json!({ "channel": "mcp", "method": "tools/call", "tool": tool, "server": "crm", "user": user,
                    "outcome": outcome, "duration_us": 83_000, "connection": "laptop" })
        };
        Self::of(&json!([
            call("ada", "search", "success"),
            call("ada", "search", "error"),
            call("bob", "search", "success"),
            call("bob", "ask", "success"),
        ]))
    }

    /// Records events as a platform sends them.
    pub(crate) fn send(&self, events: &Value) {
        let answer = self.server.api("service").post("/api/v1/events", events.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Runs the official client and waits until its echo is in the log.
    pub(crate) fn call(&self, canary: &str) {
        let admin = self.server.api("admin");
        let echoes = || admin.entries("tool=echo").len();
        let before = echoes();
        script(["--url", &self.server.mcp("everything"), "--token", &self.token, "--canary", canary]);
        eventually("the echo's entry", || (echoes() > before).then_some(()));
    }

    /// A signed-in user of `group`.
    pub(crate) async fn visitor(&self, group: &str, scripts: Scripts) -> Visitor<'_> {
        Visitor::new(&self.server, group, scripts).await
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

impl<'a> Visitor<'a> {
    /// A signed-in user of `group`.
    pub(crate) async fn new(server: &'a Server, group: &str, scripts: Scripts) -> Self {
        let visitor = Self { browser: Browser::start(scripts).await, server };
        let token = server.token(&format!("{group}-at-the-browser"), group);
        visitor.signs_in(server.address(), &token).await;
        visitor
    }

    /// Opens a page of the site.
    pub(crate) async fn opens(&self, path: &str) {
        self.open(&format!("{}{path}", self.server.address())).await;
    }

    /// The rows of the list, in lower case: a style sheet may show capitals.
    pub(crate) async fn rows(&self) -> Vec<String> {
        self.one("main table tbody tr").await;
        let mut rows = Vec::new();
        for row in self.all("main table tbody tr").await {
            rows.push(row.text().await.expect("the text of a row").to_lowercase());
        }
        rows
    }

    pub(crate) async fn goes_back(&self) {
        self.page().back().await.expect("back");
    }

    pub(crate) async fn is_at(&self, path: &str) {
        let address = self.address().await;
        assert!(address.starts_with(path), "at {address} and not at {path}");
    }
}
