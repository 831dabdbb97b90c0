//! nginx and Caddy in front of the log, below a path of theirs, as docs/behind.md has them: over HTTP/2, with streams.

use std::collections::BTreeSet;

use mcp_audit_log_tests::{
    Api, Everything, PrivateCa, Server, eventually, product, same_results, script_trusting, text,
};

use crate::web_server::{WebServer, port};

/// The official client's results directly and through everything, and the server's requests.
fn through(front: impl Fn(&PrivateCa, u16, &str) -> WebServer) {
    let (everything, ca, port) = (Everything::start(), PrivateCa::new(), port());
    let direct = script_trusting(&ca.authority(), ["--url", &everything.url()]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("serve.toml");
    std::fs::write(&file, "trusted_proxies = [\"127.0.0.1\"]\n").expect("written");
    let public = format!("https://127.0.0.1:{port}");
    let upstream = [("everything", everything.url())];
    let arguments = ["--config", file.to_str().expect("UTF-8"), "--path=/audit", "--https", "--public-url", &public];
    let server = Server::with(&upstream.each_ref().map(|(name, url)| (*name, url.as_str())), &arguments);
    let inner = server.address().strip_suffix("/audit").expect("below the path");
    let front = front(&ca, port, inner.trim_start_matches("http://"));

    let token = server.token("ursula", "user");
    let url = format!("{}/audit/mcp/everything", front.url());
    for protocol in [&["--http2"][..], &[]] {
        let arguments = ["--url", &url, "--token", &token].into_iter().chain(protocol.iter().copied());
        let proxied = script_trusting(&ca.authority(), arguments);
        same_results(&direct, &proxied);
    }
    let requests = eventually("all requests", || Some(front.requests()).filter(|all| all.len() > 40));
    let over_http2 = requests.iter().filter(|line| line.contains("HTTP/2.0")).count();
    assert!(over_http2 > 20 && over_http2 < requests.len(), "{over_http2} of {}", requests.len());
    let admin = server.api("admin");
    let entries = eventually("entries", || Some(admin.entries("user=ursula&limit=500")).filter(|all| all.len() > 50));
    // The client's own address, which the web server names: over HTTP/2 it is another one than the web server's.
    let addresses: BTreeSet<_> = entries.iter().map(|entry| text(entry, "ip")).collect();
    assert_eq!(addresses, BTreeSet::from(["127.0.0.1", "127.0.0.2"]));
    // People find the pages with and without a slash.
    let anonymous = Api::anonymous(inner);
    let (home, folder) = (anonymous.get("/audit"), anonymous.get("/audit/"));
    assert_eq!((folder.status, folder.header("location")), (308, Some("/audit")));
    assert!([200, 303].contains(&home.status), "{}", home.status);
    // Nothing is at the root.
    let root = Api::anonymous(inner);
    assert_eq!((root.get("/healthz").status, root.get("/audit/healthz").status), (404, 200));
}

/// The recipe in the documentation, for a server at `inner`.
fn recipe(language: &str, inner: &str) -> String {
    let page = include_str!("../../../docs/behind.md");
    let (_, block) = page.split_once(&format!("```{language}\n")).expect("a recipe");
    let (recipe, _) = block.split_once("```").expect("its end");
    assert!(recipe.contains("127.0.0.1:8700"), "{recipe}");
    recipe.replace("127.0.0.1:8700", inner)
}

#[test]
fn behind_nginx_below_a_path_the_official_client_gets_the_same() {
    through(|ca, port, inner| WebServer::nginx(ca, port, &recipe("nginx", inner)));
}

#[test]
fn behind_caddy_below_a_path_the_official_client_gets_the_same() {
    through(|ca, port, inner| WebServer::caddy(ca, port, &recipe("caddyfile", inner)));
}

/// The wrapper of a local server sends its events through nginx, whose certificate a private authority made.
#[test]
fn a_wrapper_sends_its_events_through_nginx() {
    let (ca, port) = (PrivateCa::new(), port());
    let server = Server::with(&[], &["--path=/audit"]);
    let inner = server.address().strip_suffix("/audit").expect("below the path");
    let front = WebServer::nginx(&ca, port, &recipe("nginx", inner.trim_start_matches("http://")));
    let (url, authority, token) = (format!("{}/audit", front.url()), ca.authority(), server.token("laptop", "service"));
    // More than nginx takes at once, and a message that is longer than its limit.
    let script = "read go; head -c 3000000 /dev/zero | tr '\\0' x; echo; for i in $(seq 3000); do \
                  echo '{\"method\":\"notifications/message\",\"params\":{\"data\":\"0123456789\"}}'; done";
    let mut wrapper = product(["stdio", "--to", &url, "--ca", &authority.to_string_lossy(), "--server", "noisy"]);
    wrapper.args(["--", "sh", "-c", script]).env("MCP_AUDIT_LOG_TOKEN", token);
    let output = wrapper.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let groups = server.api("admin").get("/api/v1/groups?by=server&channel=stdio").json();
    assert_eq!(groups["groups"][0]["count"], 3_001, "each notification, and the end of the stream: {groups:#}");
}
