//! Browsers at the proxy: pages of other sites, and the old transport, which is refused.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use mcp_audit_log::capture::proxy::{ProxyOptions, SignIn, router_with};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::field::Field;
use mcp_audit_log::http::allow_origins;
use mcp_audit_log::identity::{Identity, Origin, Origins};
use mcp_audit_log::tokens::Tokens;
use tokio::sync::mpsc;

use super::{ANSWER, CALL, plain_proxy};
use crate::support::{Log, contains, exchange, lines, next, post, send, serve};

const APP: &str = "https://app.example";

fn origins() -> Origins {
    [Origin::parse(APP).expect("an origin")].into_iter().collect()
}

/// A server that reports the headers of a request.
async fn upstream() -> (SocketAddr, mpsc::Receiver<HeaderMap>) {
    let (sender, seen) = mpsc::channel(8);
    let handler = move |request: axum::extract::Request| async move {
        sender.send(request.headers().clone()).await.unwrap();
        ([("mcp-session-id", "s1"), ("access-control-allow-origin", "*")], ANSWER).into_response()
    };
    (serve(Router::new().fallback(any(handler))).await, seen)
}

async fn proxied(log: &Log, upstream: SocketAddr, sign_in: SignIn) -> String {
    let upstream = Upstream::new("up", &format!("http://{upstream}/mcp")).unwrap();
    let options = ProxyOptions { origins: origins(), ..ProxyOptions::default() };
    let router = router_with(log.log.clone(), vec![upstream], sign_in, options);
    format!("http://{}/mcp/up", serve(allow_origins(router, &origins())).await)
}

fn tokens(log: &Log) -> (SignIn, String) {
    let tokens = Tokens::open(&log.folder.path().join("tokens")).unwrap();
    let viewer = mcp_audit_log::Viewer { user: "anna".into(), groups: vec![], instance: None };
    let (secret, _) = tokens.create(&viewer, "laptop", log.log.view().now()).unwrap();
    (SignIn::Tokens(Identity::new(tokens)), format!("Bearer {secret}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_and_refusals_can_be_read() {
    let log = Log::open();
    let (address, mut seen) = upstream().await;
    let (sign_in, token) = tokens(&log);
    let url = proxied(&log, address, sign_in).await;
    let preflight = hyper::Request::options(&url)
        .header("origin", APP)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,mcp-param-x")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let answer = send(preflight).await;
    let value = |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_lowercase());
    assert!(answer.status().is_success());
    assert_eq!(value(answer.headers(), "access-control-allow-origin").as_deref(), Some(APP));
    let allowed = value(answer.headers(), "access-control-allow-headers");
    assert_eq!(allowed.as_deref(), Some("authorization,content-type,mcp-param-x"));
    assert!(value(answer.headers(), "access-control-allow-methods").unwrap().contains("delete"));

    for (headers, status, origin) in [
        (vec![("origin", APP)], 401, Some(APP)),
        (vec![("origin", APP), ("authorization", token.as_str())], 200, Some(APP)),
        (vec![("origin", "https://evil.example")], 401, None),
    ] {
        let answer = send(post(&url, &headers, CALL)).await;
        assert_eq!(answer.status().as_u16(), status);
        // The upstream's CORS headers are about its own address, and not about this one.
        let allowed = value(answer.headers(), "access-control-allow-origin");
        assert_eq!(allowed.as_deref(), origin, "{headers:?}");
        let exposed = value(answer.headers(), "access-control-expose-headers").unwrap();
        assert!(exposed.contains("mcp-session-id") && exposed.contains("www-authenticate"), "{exposed}");
        answer.collect().await.unwrap();
    }
    // A page that the operator named is none that the upstream has to judge.
    let headers = seen.recv().await.unwrap();
    assert_eq!((headers.get(header::ORIGIN), &headers[header::HOST]), (None, &address.to_string().parse().unwrap()));
    // A preflight is a browser's question about a call, and no call.
    let outcomes = ["denied 401", "ok 200", "denied 401"].map(|how| format!("request tools/call echo {how}"));
    assert_eq!(lines(&log.wait_for(3).await), outcomes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_proxy_refuses_unlisted_pages() {
    let log = Log::open();
    let (address, mut seen) = upstream().await;
    let url = proxied(&log, address, SignIn::Open(Identity::without_sign_in())).await;
    let (host, _) = super::parts(&url);
    let (own, host) = (format!("http://{host}"), host.to_owned());
    for (headers, status) in [
        (vec![], 200),
        (vec![("origin", APP)], 200),
        (vec![("origin", own.as_str())], 200),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
        // A page whose name an attacker points at this machine.
        (vec![("origin", "http://evil.example"), ("host", "evil.example")], 403),
    ] {
        let (found, body) = exchange(post(&url, &headers, CALL)).await;
        assert_eq!(found, status, "{headers:?} at {host}: {body}");
        assert!(found == 200 || body.contains("[cors] origins"), "{body}");
    }
    for _ in 0..3 {
        assert!(!seen.recv().await.unwrap().contains_key(header::ORIGIN));
    }
    let entries = log.wait_for(7).await;
    assert!(
        entries[3..].iter().all(|entry| entry.text(Field::OutcomeDetail) == Some("denied")),
        "{:?}",
        lines(&entries)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens_the_upstream_judges_unlisted_origins() {
    let log = Log::open();
    let (address, mut seen) = upstream().await;
    let (sign_in, token) = tokens(&log);
    let url = proxied(&log, address, sign_in).await;
    let headers = [("authorization", token.as_str()), ("origin", "app://desktop"), ("host", "gw.example")];
    assert_eq!(exchange(post(&url, &headers, CALL)).await.0, 200);
    let seen = seen.recv().await.unwrap();
    assert_eq!(
        (&seen[header::ORIGIN], &seen[header::HOST]),
        (&"app://desktop".parse().unwrap(), &"gw.example".parse().unwrap())
    );
}

/// A server's stream that begins with this event, requested as the clients of both transports do.
async fn stream(log: &Log, first: &'static str, headers: &[(&str, &str)]) -> hyper::Response<hyper::body::Incoming> {
    let body = move || async move {
        let events = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(first)]);
        let open = futures_util::stream::pending();
        let events = futures_util::StreamExt::chain(events, open);
        ([(header::CONTENT_TYPE, "text/event-stream")], axum::body::Body::from_stream(events))
    };
    let url = plain_proxy(log, serve(Router::new().fallback(any(body))).await).await;
    let mut request = hyper::Request::get(format!("{url}/sse")).header("accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Full::new(Bytes::new())).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_transport_is_refused_and_other_streams_pass() {
    const ENDPOINT: &str = "event: endpoint\r\ndata: /messages/?session_id=1\r\n\r\n";
    let log = Log::open();
    let answer = stream(&log, ENDPOINT, &[]).await;
    assert_eq!(answer.status().as_u16(), 501);
    let body = answer.collect().await.unwrap().to_bytes();
    assert!(contains(&body, "HTTP+SSE transport of 2024-11-05"), "{body:?}");
    assert_eq!(lines(&log.wait_for(1).await), ["http GET - rejected 501"]);
    for (first, headers) in [
        (": hello\n\n", &[][..]),
        ("event: message\ndata: {}\n\n", &[]),
        (ENDPOINT, &[("mcp-session-id", "s")]),
        (ENDPOINT, &[("mcp-protocol-version", "2025-06-18")]),
    ] {
        let answer = stream(&log, first, headers).await;
        assert_eq!((answer.status().as_u16(), next(&mut answer.into_body()).await.as_str()), (200, first));
    }
}
