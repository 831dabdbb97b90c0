//! The live tail: each stored entry is sent once, to viewers who may see it, for as long as they may.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use http_body_util::BodyExt;
use mcp_audit_log::http::serve;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::serving::endless;
use crate::support::{Caller, World, call, call_with, viewer};

const TAIL: &str = "/api/v1/entries/tail";

/// What a client of Server-Sent Events has read.
struct Stream {
    body: Body,
    text: String,
    last_id: String,
}

/// An event by its fields.
type Sent = HashMap<String, String>;

impl Stream {
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body(), text: String::new(), last_id: String::new() }
    }

    /// The next event that has data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Sent> {
        tokio::time::timeout(Duration::from_secs(60), self.read()).await.expect("an event within a minute")
    }

    async fn read(&mut self) -> Option<Sent> {
        loop {
            let Some((block, rest)) = self.text.split_once("\n\n") else {
                let bytes = self.body.frame().await?.expect("a frame").into_data();
                self.text.push_str(std::str::from_utf8(&bytes.expect("data")).expect("text"));
                continue;
            };
            let fields = block.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| !name.is_empty());
            let sent: Sent = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            self.text = rest.to_owned();
            if let Some(id) = sent.get("id") {
                self.last_id = id.clone();
            }
            if sent.contains_key("data") {
                return Some(sent);
            }
        }
    }

    /// The next entry.
    async fn entry(&mut self) -> Value {
        let sent = self.next().await.expect("an entry");
        assert_eq!(sent["event"], "entry", "{sent:?}");
        serde_json::from_str(&sent["data"]).expect("an entry")
    }

    async fn tools(&mut self, count: usize) -> Vec<String> {
        let mut tools = Vec::new();
        for _ in 0..count {
            tools.push(self.entry().await["tool"].as_str().expect("a tool").to_owned());
        }
        tools
    }

    /// Reads to the end of the stream, and returns the reason of the end.
    async fn end(&mut self) -> String {
        let sent = self.next().await.expect("a last event");
        assert_eq!(sent["event"], "end", "{sent:?}");
        assert_eq!(self.next().await, None, "nothing comes after the end");
        let end: Value = serde_json::from_str(&sent["data"]).expect("an end");
        assert!(end["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{end}");
        end["reason"].as_str().expect("a reason").to_owned()
    }
}

async fn tail(caller: &Caller<'_>, query: &str) -> Stream {
    Stream::of(caller.open(&format!("{TAIL}?{query}")).await)
}

async fn record(world: &World, user: &str, tools: &[&str]) {
    for tool in tools {
        world.record(call(user, tool)).await;
    }
}

/// Changes the groups of a user's tokens.
fn regroup(world: &World, user: &str, groups: &str) {
    let database = rusqlite::Connection::open(world.folder.path().join("tokens/tokens.db")).expect("the tokens");
    let changed = database.execute("UPDATE token SET groups = ?1 WHERE user = ?2", [groups, user]);
    assert_eq!(changed, Ok(1));
}

#[tokio::test]
async fn a_stored_entry_is_sent_at_once_without_its_payload() {
    let world = World::new();
    world.keep_payloads().await;
    record(&world, "ada", &["before"]).await;
    let mut tail = tail(&world.bearer("root", &["auditor"]), "").await;
    let id = world.record(call_with("ada", r#"{"canary":"question"}"#, r#"{"canary":"answer"}"#)).await;
    let sent = tail.next().await.expect("an entry");
    assert!(!sent["data"].contains("canary"), "{sent:?}");
    let entry: Value = serde_json::from_str(&sent["data"]).expect("an entry");
    assert_eq!((&entry["id"], &entry["tool"]), (&id.into(), &"search".into()));
    let listed = world.bearer("root", &["admin"]).entries("tool=search").await;
    assert_eq!(entry, listed[0], "it is the entry of the list");
}

#[tokio::test]
async fn a_search_narrows_the_tail() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let mut narrow = tail(&admin, "user=ada&q=LOOK&domain=%5B%5B%22server%22,%22=%22,%22crm%22%5D%5D&limit=1").await;
    record(&world, "bob", &["look_up"]).await;
    record(&world, "ada", &["write", "look_up", "look_down"]).await;
    assert_eq!(narrow.tools(2).await, ["look_up", "look_down"]);
    for (query, word) in [("colour=red", "Unknown parameter"), ("cursor=x", "not a cursor issued by this log")] {
        admin.get(&format!("{TAIL}?{query}")).await.problem(400, word);
    }
    world.bearer("root", &["admin"]).header("last-event-id", "x").get(TAIL).await.problem(400, "Last-Event-ID");
}

#[tokio::test]
async fn a_tail_needs_the_right_to_read_and_obeys_the_rule() {
    let world = World::new();
    world.stranger().get(TAIL).await.problem(401, "Bearer");
    world.bearer("nobody", &[]).get(TAIL).await.problem(403, "not allowed to read");
    world.bearer("bill", &["billing-admin"]).get(TAIL).await.problem(403, "not allowed to read");
    let ada = world.bearer("ada", &["user"]);
    let (mut own, mut forced) = (tail(&ada, "").await, tail(&ada, "user=bob&user=ada").await);
    record(&world, "bob", &["secret"]).await;
    record(&world, "ada", &["first"]).await;
    record(&world, "bob", &["secret"]).await;
    record(&world, "ada", &["second"]).await;
    assert_eq!(own.tools(2).await, ["first", "second"]);
    assert_eq!(forced.tools(2).await, ["first", "second"]);
}

#[tokio::test]
async fn reconnect_continues_at_the_last_event() {
    let world = World::new();
    let (secret, _) = world.token("root", &["admin"]);
    let admin = || world.stranger().header("authorization", &format!("Bearer {secret}"));
    let mut first = tail(&admin(), "tool=a&tool=b&tool=c&tool=d&tool=e&limit=2").await;
    record(&world, "ada", &["a", "b", "c"]).await;
    assert_eq!(first.tools(2).await, ["a", "b"]);
    let last = first.last_id.clone();
    drop(first);
    record(&world, "ada", &["d", "x", "e"]).await;
    let query = "tool=a&tool=b&tool=c&tool=d&tool=e&limit=2";
    let mut by_header = tail(&admin().header("last-event-id", &last), &format!("{query}&cursor=")).await;
    let mut by_cursor = tail(&admin(), &format!("{query}&cursor={last}")).await;
    assert_eq!(by_header.tools(3).await, ["c", "d", "e"]);
    assert_eq!(by_cursor.tools(3).await, ["c", "d", "e"]);
    // A browser repeats the first URL, with the id of the last event.
    let again = admin().header("last-event-id", &by_header.last_id);
    let mut stale = tail(&again, &format!("{query}&cursor={last}")).await;
    record(&world, "ada", &["a"]).await;
    assert_eq!(stale.tools(1).await, ["a"]);
    assert_eq!(by_header.tools(1).await, ["a"]);
}

#[tokio::test]
async fn a_tail_continues_a_page_and_never_goes_back() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    record(&world, "ada", &["a", "b", "c"]).await;
    let older =
        admin.get("/api/v1/entries?user=ada&limit=1").await.json()["next"].as_str().expect("a cursor").to_owned();
    let page = admin.get(&format!("/api/v1/entries?user=ada&limit=1&cursor={older}")).await.json();
    let previous = page["previous"].as_str().expect("a cursor");
    assert_eq!(page["entries"][0]["tool"], "b");
    let mut follower = tail(&admin, &format!("user=ada&cursor={previous}")).await;
    record(&world, "ada", &["d"]).await;
    assert_eq!(follower.tools(2).await, ["c", "d"]);
    let newer = admin.entries(&format!("user=ada&cursor={previous}")).await;
    let by_event = admin.entries(&format!("user=ada&cursor={}", follower.last_id)).await;
    assert_eq!((newer.len(), by_event.len()), (2, 0), "an event's id is a place for a page, too");
    admin.get(&format!("{TAIL}?cursor={older}")).await.problem(400, "leads to older entries");
    world.bearer("root", &["admin"]).header("last-event-id", &older).get(TAIL).await.problem(400, "Last-Event-ID");
}

#[tokio::test]
async fn reconnect_before_first_entry_skips_nothing() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let mut body = admin.open(&format!("{TAIL}?tool=a")).await.into_body();
    let greeting = body.frame().await.expect("a greeting").expect("a frame").into_data().expect("data");
    let greeting = std::str::from_utf8(&greeting).expect("text").to_owned();
    let id = greeting.lines().find_map(|line| line.strip_prefix("id: ")).expect("a place");
    assert!(!greeting.contains("data"), "clients see no event in it: {greeting}");
    drop(body);
    record(&world, "ada", &["a"]).await;
    let mut again = tail(&admin.header("last-event-id", id), "tool=a").await;
    assert_eq!(again.tools(1).await, ["a"]);
}

#[tokio::test]
async fn a_tail_ends_when_the_token_is_revoked() {
    let world = World::new();
    let (secret, token) = world.token("root", &["admin"]);
    let mut tail = tail(&world.stranger().header("authorization", &format!("Bearer {secret}")), "").await;
    record(&world, "ada", &["seen"]).await;
    assert_eq!(tail.tools(1).await, ["seen"]);
    assert!(world.tokens.revoke(&token.id, "operator", world.log.view().now()).expect("revoked"));
    assert_eq!(tail.end().await, "signed-out");
}

#[tokio::test]
async fn a_tail_ends_when_the_session_is_signed_out() {
    let world = World::new();
    let browser = world.browser("root", &["admin"]).await;
    let mut tail = tail(&browser, "").await;
    assert_eq!(browser.form("/sign-out", "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(tail.end().await, "signed-out");
}

#[tokio::test]
async fn a_tail_ends_when_denied_and_follows_a_changed_rule() {
    let world = World::new();
    let ada = world.browser("ada", &["admin"]).await;
    let mut tail = tail(&ada, "tool=a&tool=b").await;
    record(&world, "bob", &["a"]).await;
    assert_eq!(tail.tools(1).await, ["a"]);
    regroup(&world, "ada", r#"["user"]"#);
    // Sessions are believed for a second; from then on the tail knows what this knows.
    while ada.get("/api/v1/me").await.json()["groups"] != serde_json::json!(["user"]) {
        tokio::task::yield_now().await;
    }
    record(&world, "bob", &["a"]).await;
    record(&world, "ada", &["b"]).await;
    assert_eq!(tail.tools(1).await, ["b"], "the entry of another is not seen any more");
    regroup(&world, "ada", "[]");
    assert_eq!(tail.end().await, "denied");
}

#[tokio::test]
async fn a_slow_reader_never_gets_entries_under_outdated_rights() {
    let world = World::new();
    let (secret, token) = world.token("root", &["admin"]);
    let root = world.stranger().header("authorization", &format!("Bearer {secret}"));
    let mut slow = tail(&root, "tool=a&tool=b&tool=c").await;
    record(&world, "ada", &["a", "b", "c"]).await;
    assert_eq!(slow.tools(1).await, ["a"]);
    // This one was admitted later, and is closed after its rights were cached for as long as the slow one's.
    let mut other = tail(&root, "").await;
    assert!(world.tokens.revoke(&token.id, "operator", world.log.view().now()).expect("revoked"));
    assert_eq!(other.end().await, "signed-out");
    assert_eq!(slow.end().await, "signed-out", "b and c wait, and are not sent");
}

#[tokio::test]
async fn an_embedders_viewer_can_tail() {
    let world = World::new();
    let mut request = axum::http::Request::builder().uri(TAIL).body(Body::empty()).expect("a request");
    request.extensions_mut().insert(viewer("ada", &["user"]));
    let mut tail = Stream::of(world.begin(request).await);
    record(&world, "bob", &["a"]).await;
    record(&world, "ada", &["b"]).await;
    assert_eq!(tail.tools(1).await, ["b"]);
}

#[tokio::test]
async fn the_number_of_tails_is_bounded_and_counted() {
    let world = World::new();
    let mut tails = Vec::new();
    for user in ["root", "ada", "bob", "cyn"] {
        let caller = world.bearer(user, &["admin"]);
        for _ in 0..16 {
            tails.push(tail(&caller, "").await);
        }
        // One viewer does not take it all.
        caller.get(TAIL).await.problem(503, "Too many live tails (64 in total, 16 per user)");
    }
    let admin = world.bearer("eve", &["admin"]);
    // Check the status first: reading an admitted stream would never end.
    assert_eq!(admin.open(TAIL).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    admin.get(TAIL).await.problem(503, "Too many live tails (64 in total, 16 per user)");
    let request = axum::http::Request::builder().uri("/metrics").body(Body::empty()).expect("a request");
    let figures = world.ask_router(mcp_audit_log::http::metrics_router(world.log.clone()), request).await.text;
    assert!(figures.contains("mcp_audit_log_tail_subscribers 64\n"), "{figures}");
    tails.pop();
    tails.push(tail(&admin, "").await);
}

#[tokio::test]
async fn a_tail_ends_with_the_log() {
    let world = World::new();
    let mut tail = tail(&world.bearer("root", &["admin"]), "").await;
    world.log.stopping();
    assert_eq!(tail.end().await, "stopping");
}

#[tokio::test]
async fn a_tail_ends_when_the_server_begins_to_stop() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new().route("/endless", get(async || endless())).merge(world.router.clone());
    let server = tokio::spawn(serve(listener, router, async { drop(stopped.await) }));
    let secret = world.token("root", &["admin"]).0;
    let open = async |path: &str| {
        let mut client = TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\r\n");
        client.write_all(request.as_bytes()).await.expect("sent");
        client.read_u8().await.expect("the head");
        client
    };
    // The server waits for this one as long as for any request.
    let _held = open("/endless").await;
    let mut client = open(TAIL).await;
    stop.send(()).expect("told");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("the rest");
    assert!(answer.contains("event: end") && answer.contains("stopping") && answer.ends_with("0\r\n\r\n"), "{answer}");
    assert!(!server.is_finished(), "the tail was held until the server gave up waiting");
}
