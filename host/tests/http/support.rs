//! A log with a router, and callers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use mcp_audit_log::event::{self, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::http::{SignInLinks, Site, router};
use mcp_audit_log::identity::Identity;
use mcp_audit_log::manifest::Job;
use mcp_audit_log::recorder::QueueLimits;
use mcp_audit_log::sink::{EntryBatch, Sink, SinkOptions};
use mcp_audit_log::time::{Clock, ManualClock, SystemClock};
use mcp_audit_log::tokens::{Token, Tokens};
use mcp_audit_log::{AuditLog, Options, Viewer};
use serde_json::Value;
use tempfile::TempDir;
use tower_service::Service;

/// Every group of the default policy alone, a pair that adds up, and nothing at all.
pub(crate) const GROUPS: &[&[&str]] = &[
    &["user"],
    &["power-user"],
    &["power-user-plus"],
    &["admin"],
    &["owner"],
    &["super-admin"],
    &["auditor"],
    &["user", "auditor"],
    &["billing-admin"],
    &["user", "billing-admin"],
    &["service"],
    &[],
];

pub(crate) struct World {
    pub(crate) log: AuditLog,
    pub(crate) links: SignInLinks,
    pub(crate) tokens: Tokens,
    pub(crate) router: Router,
    pub(crate) folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|site| site)
    }

    pub(crate) fn with(site: impl FnOnce(Site) -> Site) -> Self {
        Self::made(Arc::new(SystemClock), |options| options, site)
    }

    /// One with a manual clock.
    pub(crate) fn at(clock: &Arc<ManualClock>) -> Self {
        let options = |options: Options| options.clock(Arc::clone(clock) as Arc<dyn Clock>).own_schedule();
        Self::made(Arc::clone(clock) as Arc<dyn Clock>, options, |site| site)
    }

    pub(crate) fn with_queue(limits: QueueLimits) -> Self {
        Self::made(Arc::new(SystemClock), |options| options.queue(limits), |site| site)
    }

    /// One with a sink.
    pub(crate) fn with_sink(options: SinkOptions, sink: impl Sink<EntryBatch>) -> Self {
        Self::made(Arc::new(SystemClock), |log| log.sink(options, sink), |site| site)
    }

    fn made(clock: Arc<dyn Clock>, options: impl FnOnce(Options) -> Options, site: impl FnOnce(Site) -> Site) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = options(Options::new(folder.path())).open().expect("a log");
        // Not the log's own folder, where making one is an entry that every count would have to know of.
        let tokens = Tokens::open(&folder.path().join("tokens")).expect("tokens");
        let links = SignInLinks::default();
        let identity = Identity::new(tokens.clone()).clock(clock);
        let router = router(site(Site::new(log.clone(), identity, links.clone())));
        Self { log, links, tokens, router, folder }
    }

    pub(crate) fn token(&self, user: &str, groups: &[&str]) -> (String, Token) {
        let viewer = viewer(user, groups);
        self.tokens.create(&viewer, "test", SystemClock.now()).expect("a token")
    }

    /// A caller with a bearer token.
    pub(crate) fn bearer(&self, user: &str, groups: &[&str]) -> Caller<'_> {
        let headers = vec![("authorization".to_owned(), format!("Bearer {}", self.token(user, groups).0))];
        Caller { world: self, headers }
    }

    /// The same, of an instance of the platform.
    pub(crate) fn bearer_in(&self, instance: &str, user: &str, groups: &[&str]) -> Caller<'_> {
        let viewer = Viewer { instance: Some(instance.to_owned()), ..viewer(user, groups) };
        let (secret, _) = self.tokens.create(&viewer, "test", SystemClock.now()).expect("a token");
        Caller { world: self, headers: vec![("authorization".to_owned(), format!("Bearer {secret}"))] }
    }

    /// Returns once no scheduled job runs; returns the state of the first one.
    pub(crate) async fn idle(&self) -> Value {
        let admin = self.bearer("root", &["admin"]);
        loop {
            let crons = admin.get("/api/v1/crons").await.json();
            if crons["crons"][0]["running"].is_null() {
                return crons["crons"][0].clone();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns once no verification runs; gives how the last one ended.
    pub(crate) async fn verified(&self) -> Value {
        let admin = self.bearer("root", &["admin"]);
        loop {
            let known = admin.get("/api/v1/verification").await.json();
            if known["running"].is_null() {
                return known["last"].clone();
            }
            tokio::task::yield_now().await;
        }
    }

    /// A caller without credentials.
    pub(crate) fn stranger(&self) -> Caller<'_> {
        Caller { world: self, headers: Vec::new() }
    }

    /// A browser, signed in by a link.
    pub(crate) async fn browser(&self, user: &str, groups: &[&str]) -> Caller<'_> {
        let code = self.links.create(&self.token(user, groups).1, None).expect("a code");
        let answer = self.stranger().get(&format!("/sign-in/{code}")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let cookie = answer.cookie();
        Caller { world: self, headers: vec![("cookie".into(), cookie)] }.header("sec-fetch-site", "same-origin")
    }

    pub(crate) async fn record(&self, event: Event) -> String {
        let id = event.id.to_string();
        self.log.record_durably(event).await.expect("recorded");
        id
    }

    /// Switches payloads on.
    pub(crate) async fn keep_payloads(&self) {
        let answer = self.bearer("root", &["admin"]).patch("/api/v1/settings", r#"{"log_payloads":true}"#).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

pub(crate) struct Caller<'a> {
    world: &'a World,
    headers: Vec<(String, String)>,
}

impl Caller<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cookie(&self) -> String {
        self.headers.iter().find(|(name, _)| name == "cookie").map(|(_, value)| value.clone()).expect("a cookie")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "").await
    }

    /// The JSON at a path that answers.
    pub(crate) async fn get_json(&self, path: String) -> Value {
        let answer = self.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    pub(crate) async fn patch(&self, path: &str, json: &str) -> Answer {
        self.send("PATCH", path, "application/json", json).await
    }

    pub(crate) async fn post(&self, path: &str, json: &str) -> Answer {
        self.send("POST", path, "application/json", json).await
    }

    pub(crate) async fn put(&self, path: &str, json: &str) -> Answer {
        self.send("PUT", path, "application/json", json).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "", "").await
    }

    pub(crate) async fn form(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, "application/x-www-form-urlencoded", form).await
    }

    /// A form with files: the name, the file's name (empty for an input with text), and the content of each part.
    pub(crate) async fn upload(&self, path: &str, parts: &[(&str, &str, &str)]) -> Answer {
        let part = |(name, file, content): &(&str, &str, &str)| {
            let file = if file.is_empty() { String::new() } else { format!("; filename=\"{file}\"") };
            format!("--mark\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
        };
        let body = parts.iter().map(part).collect::<String>() + "--mark--\r\n";
        self.send("POST", path, "multipart/form-data; boundary=mark", &body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        self.world.ask(self.request(method, path, kind, body)).await
    }

    /// An answer that may never end.
    pub(crate) async fn open(&self, path: &str) -> axum::response::Response {
        self.world.begin(self.request("GET", path, "", "")).await
    }

    fn request(&self, method: &str, path: &str, kind: &str, body: &str) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path).header("host", "log.example");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        request.body(Body::from(body.to_owned())).expect("a request")
    }

    /// The entries of a list, with its query.
    pub(crate) async fn entries(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/entries?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        answer.json()["entries"].as_array().expect("a list").clone()
    }
}

impl World {
    /// The name of the cleanup's cron, as a path has it.
    pub(crate) fn cleanup(&self) -> String {
        let manifest = self.log.view().manifest();
        let crons = &manifest.crons;
        let cleanup = crons.iter().find(|cron| cron.job == Job::Retention);
        cleanup.expect("the policy declares a cleanup").name.replace(' ', "%20")
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        self.ask_router(self.router.clone(), request).await
    }

    /// The answer without waiting for its body's end.
    pub(crate) async fn begin(&self, mut request: Request<Body>) -> axum::response::Response {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 7], 40_000))));
        self.router.clone().call(request).await.expect("an answer")
    }

    pub(crate) async fn ask_router(&self, mut router: Router, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 7], 40_000))));
        let response = router.call(request).await.expect("an answer");
        self.read(response).await
    }

    pub(crate) async fn read(&self, response: axum::response::Response) -> Answer {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        for word in ["panicked", "Some(", "Err(", "Error {"] {
            assert!(!text.contains(word), "the answer speaks Rust: {text}");
        }
        Answer { status: parts.status, headers: parts.headers, text }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The cookie that it sets, as a browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    }

    /// A problem of this status with this word in its sentence.
    pub(crate) fn problem(&self, status: u16, word: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], status);
        assert!(json["type"].is_string() && json["title"].is_string(), "{json}");
        let detail = json["detail"].as_str().expect("a sentence");
        assert!(detail.contains(word), "{detail:?} lacks {word:?}");
    }

    /// The same as a page.
    pub(crate) fn problem_page(&self, status: u16, word: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert!(self.header("content-type").starts_with("text/html"), "{}", self.text);
        assert!(self.text.contains(word), "{word:?} is not in {}", self.text);
    }
}

pub(crate) fn viewer(user: &str, groups: &[&str]) -> Viewer {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Viewer { user: user.to_owned(), groups, instance: None }
}

/// A call of a tool by `user`.
pub(crate) fn call(user: &str, tool: &str) -> Event {
    let mut event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    event.method = Some("tools/call".into());
    event.target = Some(Target::Tool(tool.into()));
    event.server = Some("crm".into());
    event.caller.user = Some(user.into());
    event
}

/// The same with bodies.
pub(crate) fn call_with(user: &str, request: &str, response: &str) -> Event {
    let body = |text: &str| Some(event::Body::whole(text.to_owned()));
    Event { payload: Some(Payload { request: body(request), response: body(response) }), ..call(user, "search") }
}
