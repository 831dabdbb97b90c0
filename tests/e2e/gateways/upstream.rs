//! An upstream that wants a header, a query and a certificate of a private authority: callers see none of it.

use std::fs;

use mcp_audit_log_tests::{
    Everything, PrivateCa, Server, eventually, files_with, product, run, same_results, script, text,
};

use crate::web_server::{WebServer, port};

const SECRET: &str = "s3cret-of-the-upstream";
const KEY: &str = "k3y-of-the-upstream";

/// nginx, which lets only those through that have all three.
fn guarded(ca: &PrivateCa, everything: &Everything) -> WebServer {
    let inner = everything.url();
    let host = inner.split('/').nth(2).expect("a host");
    let locations = format!(
        "location /mcp {{\n\
         if ($http_authorization != \"Bearer {SECRET}\") {{ return 401; }}\n\
         if ($http_x_team != \"platform\") {{ return 400; }}\n\
         if ($arg_key != \"{KEY}\") {{ return 403; }}\n\
         proxy_pass http://{host};\nproxy_http_version 1.1;\nproxy_set_header Host {host};\n\
         proxy_set_header Connection '';\nproxy_buffering off;\n}}"
    );
    WebServer::nginx(ca, port(), &locations)
}

fn config(url: &str, ca: Option<&PrivateCa>, token: &str) -> String {
    let ca = ca.map(|ca| format!("ca_file = {:?}\n", ca.authority())).unwrap_or_default();
    format!(
        "[[upstreams]]\nname = \"guarded\"\nurl = \"{url}/mcp?key={KEY}\"\n{ca}[upstreams.headers]\n\
         Authorization = {{ file = \"{token}\", prefix = \"Bearer \" }}\nX-Team = \"platform\"\n"
    )
}

#[test]
fn the_official_client_gets_through_with_the_credentials_of_the_proxy_and_sees_none() {
    let (everything, ca) = (Everything::start(), PrivateCa::new());
    let guarded = guarded(&ca, &everything);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("serve.toml");
    fs::write(folder.path().join("token"), format!("{SECRET}\n")).expect("written");
    fs::write(&file, config(&guarded.url(), Some(&ca), "token")).expect("written");
    let path = file.to_str().expect("UTF-8");

    let direct = script(["--url", &everything.url()]);
    let server = Server::with(&[], &["--config", path]);
    let token = server.token("ursula", "user");
    let proxied = script(["--url", &server.mcp("guarded"), "--token", &token]);
    same_results(&direct, &proxied);
    // The same over HTTP/2, by ALPN.
    let newer =
        config(&guarded.url(), Some(&ca), "token").replace("[upstreams.headers]", "http2 = true\n[upstreams.headers]");
    fs::write(&file, newer).expect("written");
    let over_http2 = Server::with(&[], &["--config", path]);
    let token = over_http2.token("ursula", "user");
    let results = script(["--url", &over_http2.mcp("guarded"), "--token", &token]);
    same_results(&direct, &results);
    // What the proxy sends stays where it is.
    let admin = server.api("admin");
    let entries = eventually("entries", || Some(admin.entries("user=ursula&limit=500")).filter(|all| all.len() > 20));
    assert!(entries.iter().all(|entry| text(entry, "server") == "guarded"));
    for secret in [SECRET, KEY] {
        let found = files_with(&server.data(), secret);
        assert!(found.is_empty(), "{secret} is in {found:?}");
        assert!(!server.process().output().contains(secret), "{}", server.process().output());
        assert!(!proxied.to_string().contains(secret));
    }
    let requests = guarded.requests();
    let newer = requests.iter().filter(|line| line.starts_with("HTTP/2.0 ")).count();
    assert!(requests.iter().all(|line| line.contains(&format!(" /mcp?key={KEY}"))), "{requests:?}");
    assert_eq!(newer * 2, requests.len(), "one half over HTTP/2");
}

#[test]
fn wrong_credentials_and_certificates_are_told_by_the_doctor() {
    let (everything, ca) = (Everything::start(), PrivateCa::new());
    let guarded = guarded(&ca, &everything);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("serve.toml");
    let data = folder.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let made = product(["list", "--data", data]).output().expect("an answer");
    assert!(!made.status.success(), "there is no log");
    let asked = |config: String, secret: &str| {
        fs::write(folder.path().join("token"), secret).expect("written");
        fs::write(&file, config).expect("written");
        let output = run(["doctor", "--data", data, "--config", file.to_str().expect("UTF-8")]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<_> = said.lines().filter(|line| line.contains("upstream guarded")).collect();
        assert!(!said.contains(SECRET) && !said.contains(KEY), "{said}");
        lines.join("\n")
    };
    let url = guarded.url();
    let all_three = config(&url, Some(&ca), "token");
    let newer = all_three.replace("[upstreams.headers]", "http2 = true\n[upstreams.headers]");
    for config in [all_three, newer] {
        let said = asked(config, SECRET);
        assert!(said.starts_with("OK "), "with all three: {said}");
    }
    let protocols: Vec<_> = guarded.requests().iter().map(|line| line[..8].to_owned()).collect();
    assert_eq!(protocols, ["HTTP/1.1", "HTTP/2.0"]);
    for (config, secret, expected) in [
        (config(&url, Some(&ca), "token"), "another", "it answers with 401; are the credentials"),
        (config(&url, Some(&ca), "token").replace(KEY, "another"), SECRET, "it answers with 403; are the credentials"),
        (config(&url, None, "token"), SECRET, "certificate"),
        (config(&url, Some(&ca), "missing"), SECRET, "missing cannot be read"),
        (config(&url, Some(&ca), "token"), "", "Authorization must be one line of visible characters"),
        (config(&url, Some(&PrivateCa::new()), "token"), SECRET, "certificate"),
        (config(&url, Some(&ca), "token").replace("X-Team", "Mcp-Session-Id"), SECRET, "belongs to the transport"),
    ] {
        let said = asked(config, secret);
        assert!(said.starts_with("Needs attention") && said.contains(expected), "{expected}: {said}");
    }
}
