//! The MCP proxy behind another proxy: it trusts only that one, and forwards no forged identity.

use axum::Router;
use axum::http::{HeaderMap, HeaderName};
use axum::routing::any;
use http_body_util::BodyExt;
use mcp_audit_log::capture::proxy::{SignIn, router};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::http::behind_proxies;
use mcp_audit_log::identity::{GroupMap, HeaderNames, Identity, TrustedProxies};
use mcp_audit_log::tokens::{NewToken, Tokens};
use tokio::sync::mpsc;

use super::CALL;
use crate::support::*;

/// The proxy behind those in `trusted`, and the headers that its upstream sees.
async fn started(log: &Log, trusted: &str, sign_in: SignIn) -> (String, mpsc::Receiver<HeaderMap>) {
    let (seen, headers) = mpsc::channel(8);
    let handler = move |request: axum::extract::Request| async move {
        seen.send(request.headers().clone()).await.unwrap();
        r#"{"result":{},"id":1}"#
    };
    let upstream = serve(Router::new().fallback(any(handler))).await;
    let upstream = Upstream::new("up", &format!("http://{upstream}")).unwrap();
    let names = HeaderNames::new(HeaderName::from_static("x-user"));
    let front = TrustedProxies::new([trusted.parse().expect("a block")]).sign_in(names, GroupMap::default());
    let address = serve(behind_proxies(router(log.log.clone(), vec![upstream], sign_in), front)).await;
    (format!("http://{address}/mcp/up"), headers)
}

fn tokens(log: &Log) -> Tokens {
    Tokens::open(&log.folder.path().join("tokens")).expect("tokens")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_the_user_that_the_trusted_proxy_names() {
    let log = Log::open();
    let sign_in = SignIn::Tokens(Identity::new(tokens(&log)));
    let (url, mut headers) = started(&log, "127.0.0.0/8", sign_in).await;
    let sent = [("x-user", "ada"), ("x-forwarded-for", "192.0.2.1, 198.51.100.7")];
    let response = send(post(&url, &sent, CALL)).await;
    assert_eq!(response.status().as_u16(), 200);
    response.collect().await.unwrap();
    assert_eq!(headers.recv().await.unwrap().get("x-user").unwrap(), "ada");
    let entries = log.wait_for(1).await;
    assert_eq!((entries[0].text(Field::User), entries[0].text(Field::Ip)), (Some("ada"), Some("198.51.100.7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_user_header_is_refused_and_not_forwarded() {
    let log = Log::open();
    let sign_in = SignIn::Tokens(Identity::new(tokens(&log)));
    let (url, _) = started(&log, "10.0.0.0/8", sign_in).await;
    let sent = [("x-user", "ada"), ("x-forwarded-for", "10.0.0.1")];
    let response = send(post(&url, &sent, CALL)).await;
    assert_eq!(response.status().as_u16(), 401);
    response.collect().await.unwrap();
    let (url, mut headers) = started(&log, "10.0.0.0/8", SignIn::Open(Identity::without_sign_in())).await;
    let response = send(post(&url, &sent, CALL)).await;
    assert_eq!(response.status().as_u16(), 200);
    response.collect().await.unwrap();
    assert!(!headers.recv().await.unwrap().contains_key("x-user"));
    for entry in log.wait_for(2).await {
        assert_eq!((entry.text(Field::User), entry.text(Field::Ip)), (None, Some("127.0.0.1")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_gets_a_reason_and_its_owner_is_recorded() {
    let log = Log::open();
    let tokens = tokens(&log);
    let viewer = mcp_audit_log::Viewer { user: "anna".into(), groups: vec![], instance: None };
    // Made long ago, for a short time.
    let then = log.log.view().now().plus(-10_000_000);
    let wanted = NewToken::new(viewer, "laptop").expires(Some(then.plus(1)));
    let (secret, _) = tokens.create_by("root", &wanted, then).unwrap();
    let (url, _) = started(&log, "10.0.0.0/8", SignIn::Tokens(Identity::new(tokens))).await;
    let response = send(post(&url, &[("authorization", &format!("Bearer {secret}"))], CALL)).await;
    assert_eq!(response.status().as_u16(), 401);
    assert!(contains(&response.collect().await.unwrap().to_bytes(), "the token expired at"));
    let entries = log.wait_for(1).await;
    assert_eq!(entries[0].text(Field::User), Some("anna"));
    assert_eq!(entries[0].text(Field::Outcome), Some("denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_proxy_never_forwards_credentials_of_this_log() {
    let log = Log::open();
    let tokens = tokens(&log);
    let viewer = mcp_audit_log::Viewer { user: "anna".into(), groups: vec![], instance: None };
    let (secret, _) = tokens.create(&viewer, "laptop", log.log.view().now()).unwrap();
    let then = log.log.view().now().plus(-10_000_000);
    let short = NewToken::new(viewer, "laptop").expires(Some(then.plus(1)));
    let (expired, _) = tokens.create_by("root", &short, then).unwrap();
    for trusted in ["127.0.0.0/8", "10.0.0.0/8"] {
        let (url, mut headers) = started(&log, trusted, SignIn::Open(Identity::new(tokens.clone()))).await;
        for (sent, kept) in
            [(secret.as_str(), true), (&expired, true), ("mcpa_of_another_log", true), ("foreign", false)]
        {
            let sent = [("authorization", &*format!("Bearer {sent}")), ("x-user", "ada")];
            let response = send(post(&url, &sent, CALL)).await;
            assert_eq!(response.status().as_u16(), 200);
            response.collect().await.unwrap();
            let seen = headers.recv().await.unwrap();
            assert_eq!(!seen.contains_key("authorization"), kept, "{trusted} {sent:?}");
        }
    }
    let users: Vec<_> = log.wait_for(8).await.iter().map(|entry| entry.text(Field::User).map(str::to_owned)).collect();
    let named = |name: &str| users.iter().filter(|user| user.as_deref() == Some(name)).count();
    assert_eq!((named("ada"), named("anna")), (4, 1), "an expired token says nothing of a call that is let through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_cannot_use_a_proxys_sign_in() {
    let log = Log::open();
    let (url, mut headers) = started(&log, "127.0.0.0/8", SignIn::Tokens(Identity::without_sign_in())).await;
    for foreign in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let response = send(post(&url, &[("x-user", "ada"), foreign], CALL)).await;
        assert_eq!(response.status().as_u16(), 403, "{foreign:?}");
        response.collect().await.unwrap();
    }
    let response = send(post(&url, &[("x-user", "ada"), ("sec-fetch-site", "same-origin")], CALL)).await;
    assert_eq!(response.status().as_u16(), 200);
    response.collect().await.unwrap();
    assert!(headers.recv().await.is_some());
    assert!(headers.try_recv().is_err(), "the upstream heard of one alone");
    let denied = log.wait_for(3).await.iter().filter(|entry| entry.text(Field::Outcome) == Some("denied")).count();
    assert_eq!(denied, 2);
}

/// A sender without a token can neither fill the log nor store content in it, and every request is counted.
#[tokio::test(flavor = "multi_thread")]
async fn many_requests_without_tokens_are_counted_without_bodies() {
    let log = Log::open();
    log.keep_payloads(true).await;
    let (url, _) = started(&log, "10.0.0.0/8", SignIn::Tokens(Identity::new(tokens(&log)))).await;
    for _ in 0..40 {
        let response = send(post(&url, &[], CALL)).await;
        assert_eq!(response.status().as_u16(), 401);
        response.collect().await.unwrap();
    }
    let access = log.access();
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        assert!(std::time::Instant::now() < limit, "forty refusals are told");
        let entries = log.log.view().reader(&access).page(Domain::TRUE, None, 500).unwrap().entries;
        let alone: Vec<_> = entries.iter().filter(|entry| entry.text(Field::Channel) == Some("mcp")).collect();
        assert!(alone.iter().all(|entry| entry.payload_commitment.is_none()), "{alone:?}");
        assert!(alone.iter().all(|entry| entry.text(Field::Tool) == Some("echo")), "what was tried is told");
        let numbers = entries
            .iter()
            .filter_map(|entry| entry.text(Field::ErrorMessage)?.split_once(" more refused MCP requests"));
        let counted: usize = numbers.map(|(number, _)| number.parse::<usize>().unwrap()).sum();
        if alone.len() + counted == 40 {
            assert!(counted > 0, "forty within seconds are more than ten");
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A refused request is decoded far enough to name the call, and no further: every client can send one.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_decoded_only_up_to_a_small_limit() {
    let log = Log::open();
    let (url, _) = started(&log, "10.0.0.0/8", SignIn::Tokens(Identity::new(tokens(&log)))).await;
    for blanks in [1_000, 300_000] {
        let packed = zstd::encode_all([&b" ".repeat(blanks)[..], CALL.as_bytes()].concat().as_slice(), 3).unwrap();
        assert!(packed.len() < 1_000, "it is short on the wire");
        let mut request = post(&url, &[("content-encoding", "zstd")], "");
        *request.body_mut() = packed.into();
        assert_eq!(exchange(request).await.0, 401);
    }
    let told = lines(&log.wait_for(2).await);
    assert_eq!(told[0], "request tools/call echo denied 401");
    assert!(!told[1].contains("echo") && told[1].ends_with("denied 401"), "{told:?}");
}
