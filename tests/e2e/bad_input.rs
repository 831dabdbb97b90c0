//! Invalid requests, and upstreams that misbehave: each gets a clear answer, there is an entry for each event, and
//! nothing panics.

use std::io::{Cursor, Read};
use std::time::{Duration, Instant};

use mcp_audit_log_tests::{Answer, Api, Everything, Server, Stub, assert_plain, eventually, free_port, text};
use serde_json::Value;
use ureq::SendBody;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const HUNDRED_MEGABYTES: u64 = 100_000_000;

/// A server with one upstream called `up`, and a caller.
fn server(upstream: &str) -> (Server, Api) {
    let server = Server::start(&[("up", upstream)]);
    let caller = Api::new(server.address(), &server.token("ursula", "user"));
    (server, caller)
}

/// The only entry about `ursula`'s request.
fn only_entry(server: &Server) -> Value {
    let admin = server.api("admin");
    let entries = eventually("an entry", || Some(admin.entries("user=ursula")).filter(|entries| !entries.is_empty()));
    assert_eq!(entries.len(), 1, "{entries:#?}");
    entries[0].clone()
}

fn expect(entry: &Value, fields: &[(&str, &str)]) {
    for (field, value) in fields {
        assert_eq!(text(entry, field), *value, "{field} of {entry:#}");
    }
}

/// An answer of the proxy itself: a sentence for the caller.
fn plain(answer: &Answer, status: u16, word: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text.contains(word), "the answer does not say {word:?}: {}", answer.text);
    assert_plain(&answer.text);
}

#[test]
fn broken_json_and_broken_text_pass_and_are_recorded() {
    let everything = Everything::start();
    for body in
        [&b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"[..], b"\xff\xfe{\"jsonrpc\"", b"{\"method\":\"a\xc3\x28\"}"]
    {
        let (server, caller) = server(&everything.url());
        let direct = Api::anonymous(&everything.url()).post("", body);
        let proxied = caller.post("/mcp/up", body);
        assert_eq!((proxied.status, &proxied.text), (direct.status, &direct.text));
        let entry = only_entry(&server);
        expect(&entry, &[("outcome", "error"), ("outcome_detail", "rejected")]);
        assert_eq!(entry["status_code"], direct.status, "{entry:#}");
        assert_plain(&server.process().output());
    }
}

#[test]
fn a_hundred_megabytes_pass_without_buffering() {
    let stub = Stub::answering_after(Duration::ZERO);
    let (server, caller) = server(&stub.url());
    let answer = caller.with("content-length", &HUNDRED_MEGABYTES.to_string()).post("/mcp/up", huge_call());
    assert_eq!((answer.status, &answer.json()["result"]["read"]), (200, &HUNDRED_MEGABYTES.into()), "{answer:?}");
    expect(&only_entry(&server), &[("outcome", "success")]);
    let peak = peak_megabytes(server.process().id());
    assert!(peak < 100, "the process grew to {peak} MB: it holds bodies that it should only hand on");
}

#[test]
fn a_hundred_megabytes_for_the_api_are_refused() {
    let server = Server::start(&[]);
    let admin = server
        .api("admin")
        .with("content-type", "application/json")
        .with("content-length", &HUNDRED_MEGABYTES.to_string());
    // The server may hang up without reading the body, which an HTTP client then sees as a broken pipe.
    if let Ok(answer) = admin.try_send("PATCH", "/api/v1/settings", huge_call()) {
        plain(&answer, 413, "");
    }
    assert_eq!(server.api("admin").get("/api/v1/settings").status, 200, "the service goes on");
    assert_plain(&server.process().output());
}

/// A call of a tool with one argument that never seems to end.
fn huge_call() -> SendBody<'static> {
    let head = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"swallow","arguments":{"text":""#;
    let tail = r#""}}}"#;
    let filling = HUNDRED_MEGABYTES - head.len() as u64 - tail.len() as u64;
    let body = Cursor::new(head).chain(std::io::repeat(b'x').take(filling)).chain(Cursor::new(tail));
    SendBody::from_owned_reader(body)
}

/// The most that a process has ever held in memory.
fn peak_megabytes(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the state of the process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

#[test]
fn an_unknown_upstream_is_named() {
    let stub = Stub::answering_after(Duration::ZERO);
    let (server, caller) = server(&stub.url());
    plain(&caller.post("/mcp/nowhere", PING), 404, "known servers: up");
    expect(&only_entry(&server), &[("outcome", "error")]);
    assert_plain(&server.process().output());
}

#[test]
fn an_upstream_that_is_down_is_a_bad_gateway() {
    let (server, caller) = server(&format!("http://127.0.0.1:{}/mcp", free_port()));
    plain(&caller.post("/mcp/up", PING), 502, "up");
    let entry = only_entry(&server);
    expect(
        &entry,
        &[("outcome", "error"), ("outcome_detail", "transport-error"), ("server", "up"), ("method", "ping")],
    );
    assert_ne!(text(&entry, "error_message"), "-", "{entry:#}");
    assert_plain(&server.process().output());
}

#[test]
fn a_slow_upstream_is_waited_for() {
    let stub = Stub::answering_after(Duration::from_secs(3));
    let (server, caller) = server(&stub.url());
    assert_eq!(caller.post("/mcp/up", PING).status, 200);
    let entry = only_entry(&server);
    expect(&entry, &[("outcome", "success"), ("method", "ping")]);
    assert!(entry["duration_us"].as_u64().is_some_and(|micros| micros >= 3_000_000), "{entry:#}");
}

#[test]
fn a_client_that_hangs_up_is_recorded_at_once() {
    let stub = Stub::answering_after(Duration::from_secs(3_600));
    let (server, caller) = server(&stub.url());
    let begun = Instant::now();
    assert!(caller.impatient(1).clone().post_fails("/mcp/up"), "there is no answer to have");
    expect(&only_entry(&server), &[("outcome", "error"), ("outcome_detail", "client-closed"), ("method", "ping")]);
    assert!(begun.elapsed() < Duration::from_secs(10), "it was recorded late");
}

/// A request for which no answer is expected.
trait Fails {
    fn post_fails(&self, path: &str) -> bool;
}

impl Fails for Api {
    fn post_fails(&self, path: &str) -> bool {
        self.clone().with("content-type", "application/json").try_send("POST", path, PING).is_err()
    }
}

#[test]
fn a_request_without_a_valid_token_is_refused_and_recorded() {
    let stub = Stub::answering_after(Duration::ZERO);
    let (server, _) = server(&stub.url());
    let refused = [Api::anonymous(server.address()), Api::new(server.address(), "mcpa_nonsense")];
    for (api, count) in refused.iter().zip(1..) {
        let answer = api.post("/mcp/up", PING);
        plain(&answer, 401, "token");
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{answer:?}");
        let admin = server.api("admin");
        let entries = eventually("an entry about it", || {
            Some(admin.entries("outcome=denied&server=up")).filter(|entries| entries.len() == count)
        });
        expect(&entries[0], &[("outcome_detail", "denied"), ("user", "-"), ("ip", "127.0.0.1")]);
        assert_eq!(entries[0]["status_code"], 401);
    }
}

#[test]
fn entries_can_be_read_but_not_changed() {
    let server = Server::start(&[]);
    let owner = server.api("owner").with("content-type", "application/json");
    let id = text(&server.api("owner").entries("limit=1")[0], "id").to_owned();
    for path in ["/api/v1/entries".to_owned(), format!("/api/v1/entries/{id}")] {
        for method in ["PUT", "PATCH", "DELETE"] {
            assert_eq!(owner.send(method, &path, "{}").status, 405, "{method} {path}");
        }
    }
    assert_eq!(owner.entry(&id).status, 200, "it is still there");
}

#[test]
fn an_invalid_query_is_explained() {
    let server = Server::start(&[]);
    let admin = server.api("admin");
    for (query, word) in [
        ("limit=501", "500"),
        ("limit=0", "limit"),
        ("limit=ten", "limit"),
        ("cursor=nonsense", "cursor"),
        ("from=someday", "from"),
        ("domain=nonsense", "domain"),
        ("domain=%5B%5B%22payload%22,%22=%22,1%5D%5D", "payload"),
    ] {
        plain(&admin.get(&format!("/api/v1/entries?{query}")), 400, word);
    }
}
