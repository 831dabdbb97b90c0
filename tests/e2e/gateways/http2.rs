//! HTTP/2 without TLS, from the client and to an upstream: the same traffic, and the same entries.

use std::fs;

use mcp_audit_log_tests::{Everything, Server, eventually, same_results, script, text};

#[test]
fn over_http_2_from_end_to_end_the_official_client_gets_the_same_and_leaves_the_same_entries() {
    let everything = Everything::start();
    let direct = script(["--url", &everything.url()]);
    // The log is itself a server that speaks HTTP/2.
    let inner = Server::open(&[("everything", &everything.url())]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("serve.toml");
    let servers = format!(
        "[[upstreams]]\nname = \"new\"\nurl = \"{0}\"\nhttp2 = true\n[[upstreams]]\nname = \"old\"\nurl = \"{0}\"\n",
        inner.mcp("everything"),
    );
    fs::write(&file, servers).expect("written");
    let outer = Server::with(&[], &["--config", file.to_str().expect("UTF-8")]);
    let token = outer.token("ursula", "user");
    let admin = outer.api("admin");
    let entries = |server: &str, option: Option<&str>| {
        let url = outer.mcp(server);
        let results = script(["--url", &url, "--token", &token].into_iter().chain(option));
        same_results(&direct, &results);
        let query = format!("server={server}&limit=500");
        // The ends of both streams are recorded last.
        let found = eventually("the end of both streams", || {
            let found = admin.entries(&query);
            let closed = found.iter().filter(|entry| text(entry, "action") == "stream.closed").count();
            (closed == 2 && found.iter().any(|entry| text(entry, "outcome_detail") == "rejected")).then_some(found)
        });
        let fields = ["kind", "method", "tool", "action", "outcome", "outcome_detail", "error_type"];
        let mut lines: Vec<_> = found.iter().map(|entry| fields.map(|field| text(entry, field).to_owned())).collect();
        lines.sort();
        lines
    };
    let (old, new) = (entries("old", None), entries("new", Some("--http2")));
    assert!(old.len() > 20, "{old:?}");
    assert_eq!(new, old);
}
