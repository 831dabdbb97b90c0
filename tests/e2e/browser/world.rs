//! A server with something in its log, and people at browsers who look at it.

use mcp_audit_tests::{Browser, Everything, Scripts, Server, eventually, script};
use serde_json::Value;
use thirtyfour::prelude::ElementQueryable;
use thirtyfour::stringmatch::StringMatch;
use thirtyfour::{By, Key};

/// A server with a log of real calls.
pub(crate) struct World {
    pub(crate) server: Server,
    _everything: Option<Everything>,
    token: String,
}

impl World {
    /// With an MCP server behind it.
    pub(crate) fn start() -> Self {
        let everything = Everything::start();
        let server = Server::start(&[("everything", &everything.url())]);
        let token = server.token("ursula", "user");
        Self { server, _everything: Some(everything), token }
    }

    /// With a log of what is sent to it.
    pub(crate) fn of(events: &Value) -> Self {
        let world = Self { server: Server::start(&[]), _everything: None, token: String::new() };
        world.send(events);
        world
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

    /// Somebody of `group`, signed in.
    pub(crate) async fn visitor(&self, group: &str, scripts: Scripts) -> Visitor<'_> {
        let visitor = Visitor { browser: Browser::start(scripts).await, server: &self.server };
        visitor.signs_in(&self.server.token(&format!("{group}-at-the-browser"), group)).await;
        visitor
    }
}

/// Somebody at a browser.
pub(crate) struct Visitor<'a> {
    pub(crate) browser: Browser,
    pub(crate) server: &'a Server,
}

impl Visitor<'_> {
    /// Comes to the log without a session and is asked for a token.
    pub(crate) async fn signs_in(&self, token: &str) {
        self.browser.open(self.server.address()).await;
        self.is_at("/sign-in").await;
        self.browser.one("input[name=token]").await.send_keys(token).await.expect("typed");
        self.browser.one("main button[type=submit]").await.click().await.expect("clicked");
        self.browser.one("main table").await;
    }

    /// Opens a page of the site.
    pub(crate) async fn opens(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.server.address().trim_end_matches('/'))).await;
    }

    /// Presses keys wherever the focus is.
    pub(crate) async fn presses(&self, keys: &str) {
        let focused = self.browser.page().active_element().await.expect("something that has the focus");
        focused.send_keys(keys).await.expect("typed");
    }

    /// Presses Enter or Escape there.
    pub(crate) async fn hits(&self, key: Key) {
        let focused = self.browser.page().active_element().await.expect("something that has the focus");
        focused.send_keys(key + "").await.expect("typed");
    }

    /// Follows the link with this text.
    pub(crate) async fn follows(&self, text: &str) {
        let link = self.browser.page().query(By::LinkText(text)).first().await.expect("a link");
        link.click().await.expect("clicked");
    }

    /// Types into an input.
    pub(crate) async fn types(&self, selector: &str, text: &str) {
        self.browser.one(selector).await.send_keys(text).await.expect("typed");
    }

    /// Clicks at something.
    pub(crate) async fn clicks(&self, selector: &str) {
        self.browser.one(selector).await.click().await.expect("clicked");
    }

    /// Runs a script on the page, as the browser itself would.
    pub(crate) async fn runs(&self, script: &str) -> Value {
        self.browser.page().execute(script, Vec::new()).await.expect("an answer").json().clone()
    }

    /// Waits until the text of an element has this in it.
    pub(crate) async fn sees(&self, selector: &str, text: &str) {
        let found = self.browser.page().query(By::Css(selector)).with_text(StringMatch::new(text).partial());
        if let Err(error) = found.first().await {
            panic!("no {selector} with {text}: {error}\n{}", self.browser.text().await);
        }
    }

    /// The address that is open, without the host.
    pub(crate) async fn address(&self) -> String {
        let url = self.browser.page().current_url().await.expect("an address");
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// The rows of the list, in lower case: a style sheet may write words in capitals.
    pub(crate) async fn rows(&self) -> Vec<String> {
        self.browser.one("main table tbody tr").await;
        let mut rows = Vec::new();
        for row in self.browser.all("main table tbody tr").await {
            rows.push(row.text().await.expect("the text of a row").to_lowercase());
        }
        rows
    }

    pub(crate) async fn is_at(&self, path: &str) {
        let url = self.browser.page().current_url().await.expect("an address");
        assert!(url.path().starts_with(path), "at {url} and not at {path}");
    }
}
