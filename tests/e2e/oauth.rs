//! The official clients sign in with the official Python server through a proxy with `--open`. Each step is an entry,
//! and no secret of the flow is stored anywhere.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mcp_audit_log_tests::{Api, Process, Server, eventually, files_with, free_port, text};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn python() -> PathBuf {
    let program = root().join("target/oauth/bin/python");
    assert!(program.is_file(), "{} is missing: run tests/run first", program.display());
    program
}

/// The protected server, and its port.
fn protected() -> (Process, u16) {
    let port = free_port();
    let process =
        Process::start(Command::new(python()).arg(root().join("tests/oauth/server.py")).arg(port.to_string()));
    eventually("the protected server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    (process, port)
}

/// Runs a client to its end; it prints a JSON document.
fn run(mut command: Command, url: &str) -> Value {
    let output = command.arg(url).stdin(Stdio::null()).output().expect("the client starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the official client failed: {complaint}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{complaint}"))
}

fn signs_in(client: Command) {
    let (_process, port) = protected();
    let server = Server::open(&[("up", &format!("http://127.0.0.1:{port}/mcp"))]);
    let told = run(client, &server.mcp("up"));
    // The token was made for what the server calls itself, and the server takes no other.
    let answer = "a client with a token for /mcp";
    assert_eq!(told["answers"], serde_json::json!([answer, answer]));

    let admin = server.api("admin");
    let steps = eventually("an entry for each step", || {
        let steps = admin.entries("channel=oauth&limit=500");
        (steps.iter().filter(|step| text(step, "action") == "oauth.token").count() == 2).then_some(steps)
    });
    let whole = |step: &Value| admin.get(&format!("/api/v1/entries/{}", text(step, "id")));
    let steps: Vec<Value> =
        steps.iter().map(|step| serde_json::from_str(&whole(step).text).expect("an entry")).collect();
    let said: Vec<_> = steps.iter().rev().map(said).collect();
    let client = steps.iter().find_map(|step| step["details"]["client_id"].as_str()).expect("an id of the client");
    let resource = server.mcp("up");
    let asked: Vec<_> = said.iter().filter(|step| !step.starts_with("oauth.discover")).cloned().collect();
    assert_eq!(
        asked,
        [
            format!("oauth.register 201 /oauth/up/register - {client} tools -"),
            format!("oauth.authorize 302 /oauth/up/authorize - {client} tools {resource}"),
            format!("oauth.token 200 /oauth/up/token authorization_code {client} - {resource}"),
            format!("oauth.token 200 /oauth/up/token refresh_token {client} - {resource}"),
        ]
    );
    for path in ["/.well-known/oauth-protected-resource/mcp/up", "/.well-known/oauth-authorization-server/oauth/up"] {
        assert!(said.contains(&format!("oauth.discover 200 {path} - - - -")), "{path} in {said:#?}");
    }
    let calls = admin.entries("channel=mcp&tool=whoami&outcome=success&limit=500");
    assert_eq!(calls.len(), 2, "{calls:#?}");

    let secrets = told["secrets"].as_array().expect("secrets");
    assert!(secrets.len() >= 6, "{secrets:?}");
    for secret in secrets.iter().map(|secret| secret.as_str().expect("a text")) {
        assert_eq!(files_with(&server.data(), secret), [] as [&Path; 0], "a secret of the flow is stored");
        assert!(!server.process().output().contains(secret), "a secret of the flow is in the output");
    }
}

/// A step in one line: action, status, path, and the requested scope and resource.
fn said(step: &Value) -> String {
    let fact = |name: &str| step["details"][name].as_str().unwrap_or("-").to_owned();
    let asked = ["grant_type", "client_id", "scope", "resource"].map(fact).join(" ");
    format!("{} {} {} {asked}", text(step, "action"), step["status_code"], text(step, "path"))
}

#[test]
fn the_python_client_signs_in_through_the_proxy() {
    let mut client = Command::new(python());
    client.arg(root().join("tests/oauth/client.py"));
    signs_in(client);
}

#[test]
fn the_typescript_client_signs_in_through_the_proxy() {
    let mut client = Command::new("node");
    client.arg(root().join("tests/npm/oauth.mjs"));
    signs_in(client);
}

#[test]
fn only_the_documented_oauth_paths_of_the_upstreams_host_are_served() {
    let (_process, port) = protected();
    let server = Server::open(&[("up", &format!("http://127.0.0.1:{port}/mcp"))]);
    let client = Api::anonymous(server.address());
    for path in ["/oauth/up/mcp", "/oauth/up/", "/oauth/up/token/../mcp", "/oauth/none/token", "/oauth/up/%2e%2e/token"]
    {
        let answer = client.get(path);
        assert_eq!((answer.status, kind(&answer)), (404, "application/problem+json"), "{path}: {}", answer.text);
    }
}

#[test]
fn without_open_mode_there_is_no_oauth_metadata() {
    let server = Server::start(&[("up", "http://127.0.0.1:9/mcp")]);
    let client = Api::anonymous(server.address());
    for path in [
        "/.well-known/oauth-protected-resource/mcp/up",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/oauth/up/token",
        "/register",
    ] {
        for answer in [client.get(path), client.post(path, "{}")] {
            assert_eq!((answer.status, kind(&answer)), (404, "application/problem+json"), "{path}: {}", answer.text);
        }
    }
    for (path, status) in [("/mcp/up", 401), ("/api/v1/nothing", 401), ("/api/nothing", 404)] {
        let answer = client.post(path, "{}");
        assert_eq!((answer.status, kind(&answer)), (status, "application/problem+json"), "{path}: {}", answer.text);
    }
}

fn kind(answer: &mcp_audit_log_tests::Answer) -> &str {
    let found = answer.headers.iter().find(|(name, _)| name == "content-type");
    found.map_or("", |(_, value)| value.as_str())
}
