//! Behind an authenticating proxy: only the proxy is trusted.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, Request, StatusCode};
use mcp_audit_log::http::behind_proxies;
use mcp_audit_log::identity::{GroupMap, HeaderNames, TrustedProxies};
use serde_json::json;
use tower_service::Service;

use crate::support::{Answer, World, call};

/// A log behind a proxy in 10.0.0.0/8.
fn world() -> World {
    let mut world = World::new();
    let names = HeaderNames {
        user: HeaderName::from_static("x-user"),
        groups: Some(HeaderName::from_static("x-groups")),
        instance: Some(HeaderName::from_static("x-instance")),
        instance_optional: true,
    };
    let groups = GroupMap::new([("sre".to_owned(), vec!["admin".to_owned()])].into(), vec!["user".to_owned()]);
    let front = TrustedProxies::new(["10.0.0.0/8".parse().expect("a block")]).sign_in(names, groups);
    world.router = behind_proxies(world.router.clone(), front);
    world
}

async fn from(world: &World, peer: [u8; 4], method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    with_body(world, peer, (method, path), headers, "").await
}

async fn with_body(
    world: &World,
    peer: [u8; 4],
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &'static str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "log.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body)).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 40_000))));
    let response = world.router.clone().call(request).await.expect("an answer");
    world.read(response).await
}

const PROXY: [u8; 4] = [10, 0, 0, 1];
const STRANGER: [u8; 4] = [203, 0, 113, 9];

#[tokio::test]
async fn the_proxys_user_and_mapped_groups_count() {
    let world = world();
    let headers = [("x-user", "ada"), ("x-groups", "sre, admin,owner"), ("x-instance", "eu")];
    let me = from(&world, PROXY, "GET", "/api/v1/me", &headers).await.json();
    assert_eq!((&me["user"], &me["instance"]), (&json!("ada"), &json!("eu")));
    assert_eq!(me["groups"], json!(["admin", "user"]), "the proxy's own owner is nobody here");
    let poor = from(&world, PROXY, "GET", "/api/v1/me", &[("x-user", "bob"), ("x-groups", "auditor")]).await.json();
    assert_eq!(poor["groups"], json!(["user"]));
    assert_eq!(from(&world, PROXY, "GET", "/", &headers).await.status, StatusCode::OK, "pages as well");
}

#[tokio::test]
async fn identity_headers_of_other_senders_are_ignored() {
    let world = world();
    let headers = [("x-user", "root"), ("x-groups", "sre"), ("x-forwarded-for", "10.0.0.1")];
    from(&world, STRANGER, "GET", "/api/v1/me", &headers).await.problem(401, "Bearer");
    // Not even if the request claims to come through the proxy, or beside a valid token.
    let secret = format!("Bearer {}", world.token("uma", &["user"]).0);
    let both = [("authorization", secret.as_str()), ("x-user", "root"), ("x-groups", "sre")];
    assert_eq!(from(&world, STRANGER, "GET", "/api/v1/me", &both).await.json()["user"], "uma");
    let twice = [("x-user", "root"), ("x-user", "uma")];
    from(&world, PROXY, "GET", "/api/v1/me", &twice).await.problem(401, "Bearer");
    // The proxy named no user: the token counts.
    let token = [("authorization", secret.as_str())];
    assert_eq!(from(&world, PROXY, "GET", "/api/v1/me", &token).await.json()["user"], "uma");
}

#[tokio::test]
async fn with_a_proxys_sign_in_other_sites_cannot_change_anything() {
    let world = world();
    let headers = |site| [("x-user", "ada"), ("x-groups", "sre"), ("sec-fetch-site", site)];
    let run = "/api/v1/crons/retention/run";
    from(&world, PROXY, "POST", run, &headers("cross-site")).await.problem(403, "nothing was done");
    let own = from(&world, PROXY, "POST", run, &headers("same-origin")).await;
    assert_ne!(own.status, StatusCode::FORBIDDEN, "{}", own.text);
}

#[tokio::test]
async fn an_entry_has_the_callers_real_address() {
    let world = world();
    for (peer, chain) in [(PROXY, "192.0.2.1, 198.51.100.7"), (STRANGER, "192.0.2.1")] {
        let headers = [("authorization", "Bearer mcpa_wrong"), ("x-forwarded-for", chain)];
        from(&world, peer, "GET", "/api/v1/me", &headers).await.problem(401, "Unknown token");
    }
    world.record(call("ada", "search")).await;
    let secret = format!("Bearer {}", world.token("root", &["admin"]).0);
    let path = "/api/v1/entries?method=sign_in.failed";
    let entries = from(&world, STRANGER, "GET", path, &[("authorization", &secret)]).await.json();
    let addresses: Vec<_> = entries["entries"].as_array().expect("a list").iter().map(|entry| &entry["ip"]).collect();
    assert_eq!(addresses, [&json!("203.0.113.9"), &json!("198.51.100.7")]);
}

#[tokio::test]
async fn the_tools_of_the_log_know_the_proxys_user_if_no_foreign_page_asks() {
    const ASK: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"describe_fields"}}"#;
    let world = world();
    let client = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("x-user", "ada"),
        ("x-instance", "eu"),
    ];
    let ask = async |origin: &[(&str, &str)]| {
        with_body(&world, PROXY, ("POST", "/api/mcp"), &[&client[..], origin].concat(), ASK).await
    };
    let answer = ask(&[("origin", "https://log.example")]).await.json();
    assert_eq!(answer["result"]["structuredContent"]["user"], "ada", "{answer}");
    ask(&[]).await.problem(403, "Cross-site");
    ask(&[("origin", "https://evil.example")]).await.problem(403, "Cross-site");
    let stranger = with_body(&world, STRANGER, ("POST", "/api/mcp"), &client, ASK).await;
    stranger.problem(401, "Bearer");
}
