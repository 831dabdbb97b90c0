//! The log as MCP tools, asked by the official client and by the official conformance suite.

use mcp_audit_log_tests::{Everything, Server, binary, program, script, text};
use serde_json::Value;

const TOOLS: [&str; 6] =
    ["search_entries", "get_entry", "group_entries", "get_usage", "explain_entry", "describe_fields"];
/// The scenarios of the suite for any server that has tools and prompts. The others need tools of a test server, or
/// resources, completions and log messages, which this server does not declare.
const SCENARIOS: [&str; 4] = ["server-initialize", "ping", "tools-list", "prompts-list"];
/// The calls of tools in tests/npm/ask.mjs, where there is an entry to ask about.
const QUESTIONS: usize = 8;

#[test]
fn the_official_client_finds_why_the_third_call_failed_in_three_calls() {
    let everything = Everything::start();
    let server = Server::start(&[("everything", &everything.url())]);
    let token = server.token("ursula", "user");
    script(["--url", &server.mcp("everything"), "--token", &token]);

    let url = format!("{}/api/mcp", server.address());
    let found = program("ask.mjs", ["--url", &url, "--token", &token], &[]);
    is_the_third_call(&found);
    assert_eq!(found["values"]["values"], serde_json::json!(["ursula"]), "only her own: {found:#}");
    let own = found["own"]["entries"].as_array().expect("entries");
    assert_eq!(own.len(), QUESTIONS, "one entry a call: {own:#?}");

    let other = program("ask.mjs", ["--url", &url, "--token", &server.token("bob", "user")], &[]);
    assert!(other["third"].is_null(), "{other:#}");
    assert!(!other.to_string().contains("ursula"), "bob learns of her: {other:#}");

    over_stdio(&server, &token);
}

/// The same beside the running server, and from the folder when it has stopped.
fn over_stdio(server: &Server, token: &str) {
    let (binary, data) = (binary(), server.data());
    let (binary, data) = (binary.to_string_lossy(), data.to_string_lossy());
    let beside = ["--stdio", "--", &binary, "mcp", "--url", server.address()];
    is_the_third_call(&program("ask.mjs", beside, &[("MCP_AUDIT_LOG_TOKEN", token)]));
    let refused = mcp_audit_log_tests::run(["mcp", "--data", &data]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("--url"), "{said}");
}

#[test]
fn a_log_without_a_server_is_asked_over_stdio() {
    let everything = Everything::start();
    let mut server = Server::start(&[("everything", &everything.url())]);
    let token = server.token("ursula", "user");
    script(["--url", &server.mcp("everything"), "--token", &token]);
    assert!(server.stop().success());
    let (binary, data) = (binary(), server.data());
    let (binary, data) = (binary.to_string_lossy(), data.to_string_lossy());
    let alone = ["--stdio", "--", &binary, "mcp", "--data", &data, "--as", "ursula", "--group", "user"];
    let found = program("ask.mjs", alone, &[]);
    is_the_third_call(&found);
    assert_eq!(found["own"]["entries"].as_array().map(Vec::len), Some(QUESTIONS), "{found:#}");
}

#[test]
fn the_conformance_suite_finds_nothing() {
    let server = Server::start(&[]);
    let (url, token) = (format!("{}/api/mcp", server.address()), server.token("ursula", "user"));
    let failed = program("conformance.mjs", [url.as_str(), &token].into_iter().chain(SCENARIOS), &[]);
    assert_eq!(failed, serde_json::json!({}), "{failed:#}");
}

fn is_the_third_call(found: &Value) {
    let names: Vec<_> = found["tools"].as_array().expect("tools").iter().filter_map(Value::as_str).collect();
    assert_eq!(names, TOOLS);
    let third = &found["third"];
    let told = ["tool", "outcome", "outcome_detail", "user"].map(|field| text(third, field));
    assert_eq!(told, ["get-sum", "error", "tool-error", "ursula"], "{third:#}");
    assert_eq!(found["explained"]["entry"], third["id"], "{found:#}");
    assert_eq!(found["refused"]["isError"], true, "{found:#}");
    assert!(found["prompt"].as_str().is_some_and(|text| text.contains("get_entry")), "{found:#}");
}
