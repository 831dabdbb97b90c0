//! The example beside the official SDK's server, called by the official client of another language.

#[allow(dead_code, missing_docs, unreachable_pub, reason = "the example is a program of its own")]
#[path = "../../host/examples/rmcp_server.rs"]
mod example;

use mcp_audit_log::filter::Domain;
use mcp_audit_log::{AuditLog, Options, Viewer};
use mcp_audit_log_tests::program;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The example on a free port, in a thread that ends with the test.
fn start(log: &AuditLog) -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.set_nonblocking(true).expect("set");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let app = example::app(log);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, app).await.expect("it serves");
        });
    });
    url
}

/// What the log has of the calls: user, method, tool and exact outcome, oldest first.
fn recorded(log: &AuditLog) -> Vec<Value> {
    let access = log.view().access(&Viewer::new("looker", ["admin"]));
    let page = log.view().reader(&access).page(Domain::TRUE, None, 200).expect("a page");
    let entries = page.entries.iter().rev().map(|entry| serde_json::to_value(entry).expect("JSON"));
    let calls = entries.filter(|entry| entry["server"] == "orders" && entry["method"].as_str() != Some("GET"));
    calls.map(|entry| json!([entry["user"], entry["method"], entry["tool"], entry["outcome_detail"]])).collect()
}

#[test]
fn the_official_client_calls_the_example_and_each_message_is_an_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let url = start(&log);
    let known = program("orders.mjs", ["--url", &url, "--token", "anna"], &[]);
    assert_eq!(known["tools"], json!(["cancel_order", "show_order"]));
    assert_eq!(known["shown"], json!({ "text": "Order 7: a lamp, sent on Monday", "isError": false }));
    assert_eq!(known["missing"], json!({ "text": "There is no order 8", "isError": true }));
    assert_eq!(known["cancelled"], json!({ "text": "anna cancelled order 7", "isError": false }));
    assert_eq!(known["unknown"], json!({ "code": -32602 }));
    let unknown = program("orders.mjs", ["--url", &url], &[]);
    assert_eq!(unknown["cancelled"], json!({ "code": -32600 }), "the tool asks for a sign-in");

    log.close();
    let expected = |user: Value, cancelled: &str| {
        [
            ("initialize", None, "ok"),
            ("notifications/initialized", None, "accepted"),
            ("tools/list", None, "ok"),
            ("tools/call", Some("show_order"), "ok"),
            ("tools/call", Some("show_order"), "tool-error"),
            ("tools/call", Some("cancel_order"), cancelled),
            ("tools/call", Some("no_such_tool"), "rpc-error"),
        ]
        .map(|(method, tool, detail)| json!([user, method, tool, detail]))
    };
    let found = recorded(&log);
    for call in expected(json!("anna"), "ok").iter().chain(&expected(Value::Null, "rpc-error")) {
        assert_eq!(found.iter().filter(|entry| *entry == call).count(), 1, "{call} in {found:#?}");
    }
}

#[test]
fn the_page_shows_the_example() {
    let (page, example) = (include_str!("../../docs/embedding.md"), include_str!("../../host/examples/rmcp_server.rs"));
    let (_, section) = page.split_once("## Before the official SDK's server").expect("a section");
    let (_, code) = section.split_once("```rust\n").expect("its code");
    let (code, _) = code.split_once("```").expect("its end");
    assert!(example.contains(code), "copy it from host/examples/rmcp_server.rs");
}
