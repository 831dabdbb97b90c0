//! While payload logging is off, no part of a body is stored anywhere. While it is on, only an auditor sees bodies.

use std::path::Path;

use mcp_audit_log_tests::{Answer, Api, Everything, Server, eventually, files_with, script, text};
use serde_json::{Value, json};

#[test]
fn bodies_are_kept_only_while_payload_logging_is_on() {
    let everything = Everything::start();
    let mut server = Server::start(&[("everything", &everything.url())]);
    let (url, token) = (server.mcp("everything"), server.token("ursula", "user"));
    let call = |canary: &str| drop(script(["--url", &url, "--token", &token, "--canary", canary]));
    let (admin, auditor) = (server.api("admin"), server.api("auditor"));

    call("canary-while-off");
    send_where_secrets_hide(&server, &token);
    let off = echo(&admin, 1);
    no_viewer_sees(&server, &off, "canary-while-off");

    admin.set(json!({"log_payloads": true}));
    call("canary-while-on");
    let on = echo(&admin, 2);
    auditor_sees(&auditor, &on, "canary-while-on");
    for group in ["user", "power-user", "power-user-plus", "admin", "owner", "super-admin", "billing-admin"] {
        hides(group, &server.api(group).entry(text(&on, "id")), "canary-while-on");
    }
    hides("whose call it was", &Api::new(server.address(), &token).entry(text(&on, "id")), "canary-while-on");

    admin.set(json!({"log_payloads": false}));
    call("canary-off-again");
    no_viewer_sees(&server, &echo(&admin, 3), "canary-off-again");

    let folders = [server.data(), server.process().output_folder().to_owned()];
    search(&folders, &["canary-while-on"]);
    assert!(server.stop().success(), "{}", server.process().output());
    search(&folders, &["canary-while-on"]);
}

#[test]
fn a_payload_is_dropped_if_logging_is_turned_off_during_the_call() {
    let everything = Everything::start();
    let server = Server::start(&[("everything", &everything.url())]);
    let admin = server.api("admin");
    admin.set(json!({"log_payloads": true}));
    let mcp = initialized(&server);
    let arguments = json!({"duration": 1, "steps": 1, "note": "canary-in-flight"});
    let long = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "trigger-long-running-operation", "arguments": arguments}});
    let before = everything.messages();
    let caller = std::thread::spawn(move || mcp.post("/mcp/everything", long.to_string()).status);
    eventually("the call is under way", || (everything.messages() > before).then_some(()));
    admin.set(json!({"log_payloads": false}));
    assert_eq!(caller.join().expect("the call"), 200);
    let entry = eventually("the call's entry", || admin.entries("tool=trigger-long-running-operation").pop());
    no_viewer_sees(&server, &entry, "canary-in-flight");
    assert_eq!(files_with(&server.data(), "canary-in-flight"), [] as [&Path; 0]);
}

/// The newest of `count` calls of the echo tool.
fn echo(admin: &Api, count: usize) -> Value {
    eventually("the echo's entry", || {
        let calls = admin.entries("tool=echo&method=tools/call");
        (calls.len() == count).then(|| calls[0].clone())
    })
}

fn auditor_sees(auditor: &Api, entry: &Value, canary: &str) {
    assert_eq!(entry["has_payload"], true, "{entry:#}");
    let shown = auditor.entry(text(entry, "id")).json();
    for side in ["request", "response"] {
        let body = shown["payload"][side].to_string();
        assert!(body.contains(canary), "the {side} is not shown to an auditor: {shown:#}");
    }
}

/// Checks that the payload is hidden. Whether the group may read nothing, not this entry, or only the metadata depends
/// on the group.
fn hides(who: &str, answer: &Answer, canary: &str) {
    assert!(matches!(answer.status, 200 | 403 | 404), "{who}: {answer:?}");
    assert!(!answer.text.contains(canary), "{who} sees the payload: {}", answer.text);
}

fn no_viewer_sees(server: &Server, entry: &Value, canary: &str) {
    assert_eq!(entry["has_payload"], false, "{entry:#}");
    for group in ["auditor", "admin", "super-admin"] {
        hides(group, &server.api(group).entry(text(entry, "id")), canary);
    }
}

/// Canaries at every position of a request outside of the body. Each has its own name, so that a leak names its source.
fn send_where_secrets_hide(server: &Server, token: &str) {
    let caller = Api::new(server.address(), token);
    let strange = caller.clone().with("x-api-key", "canary-in-header").with("cookie", "session=canary-in-cookie");
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    strange.post("/mcp/everything?key=canary-in-query", ping);
    caller.clone().with("mcp-session-id", "12345678-canary-in-session-id").post("/mcp/everything", ping);
    caller.post("/mcp/everything", r#"{"broken": "canary-in-broken-json""#);
    Api::new(server.address(), "mcpa_canary-in-token").post("/mcp/everything", ping);
    Api::anonymous(server.address())
        .post("/mcp/everything", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"canary-unsigned"}}"#);
    let read = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"demo://host/path?token=canary-in-uri#canary-in-fragment"}}"#;
    initialized(server).post("/mcp/everything", read);
    Api::anonymous(server.address()).get("/sign-in?token=mcpa_canary-in-link");
}

/// A caller with its own session, for requests that the official client would not make.
fn initialized(server: &Server) -> Api {
    let caller = Api::new(server.address(), &server.token("rawa", "user"));
    let params =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}});
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let answer = caller.post("/mcp/everything", body.to_string());
    let session = answer.header("mcp-session-id").unwrap_or_else(|| panic!("no session: {answer:?}")).to_owned();
    caller.with("mcp-session-id", &session).with("mcp-protocol-version", "2025-11-25")
}

/// No file contains a canary, except those that must be kept. A name that is metadata is found: the search works.
fn search(folders: &[std::path::PathBuf; 2], kept: &[&str]) {
    assert!(!files_with(&folders[0], "ursula").is_empty(), "the search finds nothing at all");
    let all = folders.iter().flat_map(|folder| files_with(folder, "canary"));
    for file in all {
        let bytes = std::fs::read(&file).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        for (at, _) in text.match_indices("canary") {
            let found: String = text[at..].chars().take(40).collect();
            let meant = kept.iter().any(|kept| found.starts_with(kept));
            assert!(meant, "{} holds {found:?}", file.display());
        }
    }
}
