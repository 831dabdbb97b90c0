//! The proxy on real sockets: traffic is unchanged, and everything that happens is recorded.

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http_body_util::BodyExt;
use mcp_audit_log::capture::proxy::{SignIn, router};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::field::Field;
use mcp_audit_log::identity::Identity;
use mcp_audit_log::tokens::Tokens;
use tokio::sync::mpsc;

use super::CALL;
use crate::support::*;

/// A proxy with `--open` in front of `upstream`.
async fn proxy(log: &Log, upstream: std::net::SocketAddr) -> String {
    let upstream = Upstream::new("up", &format!("http://{upstream}/base")).expect("an upstream");
    format!(
        "http://{}/mcp/up",
        serve(router(
            log.log.clone(),
            vec![upstream],
            SignIn::Open(Identity::new(Tokens::open(&log.folder.path().join("tokens")).unwrap()))
        ))
        .await
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_status_and_headers_are_unchanged_by_the_layer() {
    let answers: [&'static [u8]; 5] = [
        b"HTTP/1.1 200 OK\r\nX-Odd: a\r\nX-Odd: b\r\ncontent-type: application/json\r\ncontent-length: 36\r\ndate: x\r\n\r\n{\"result\":{},\"jsonrpc\":\"2.0\",\"id\":1}",
        b"HTTP/1.1 404 Nope\r\ncontent-type: application/json\r\ncontent-length: 2\r\ndate: x\r\n\r\n{}",
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\ndate: x\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\ndate: x\r\n\r\n8\r\ndata: {}\r\n2\r\n\n\n\r\n0\r\n\r\n",
        b"HTTP/1.1 405 Method Not Allowed\r\nallow: POST\r\ncontent-length: 0\r\ndate: x\r\n\r\n",
    ];
    let log = Log::open();
    for answer in answers {
        let upstream = serve_bytes(answer).await;
        let proxied = send(post(&proxy(&log, upstream).await, &[], CALL)).await;
        let direct = send(post(&format!("http://{upstream}/base"), &[], CALL)).await;
        assert_eq!(proxied.status(), direct.status());
        let headers = |response: &hyper::Response<_>| {
            let mut headers = response.headers().clone();
            headers.remove("transfer-encoding");
            headers
        };
        assert_eq!(headers(&proxied), headers(&direct));
        let (proxied, direct) = (proxied.collect().await.unwrap(), direct.collect().await.unwrap());
        assert_eq!(proxied.to_bytes(), direct.to_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_as_it_was_sent() {
    let (sender, mut seen) = mpsc::channel(1);
    let handler = move |request: axum::extract::Request| async move {
        let (parts, body) = request.into_parts();
        sender.send((parts, body.collect().await.unwrap().to_bytes())).await.unwrap();
        "{}"
    };
    let log = Log::open();
    let upstream = serve(Router::new().fallback(any(handler))).await;
    let url = format!("{}/deep/er?q=%20", proxy(&log, upstream).await);
    let headers = [
        ("connection", "x-hop, close"),
        ("x-hop", "1"),
        ("host", "my.host"),
        ("authorization", "Bearer theirs"),
        ("x-end", "2"),
    ];
    exchange(post(&url, &headers, CALL)).await;
    let (parts, body) = seen.recv().await.unwrap();
    assert_eq!((parts.uri.to_string().as_str(), body.as_ref()), ("/base/deep/er?q=%20", CALL.as_bytes()));
    let value = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(value("host"), Some(upstream.to_string()));
    assert_eq!(value("authorization").as_deref(), Some("Bearer theirs"));
    assert_eq!((value("x-end").as_deref(), value("x-hop"), value("connection")), (Some("2"), None, None));
    assert_eq!(value("content-length").as_deref(), Some(CALL.len().to_string().as_str()));
    let entry = &log.wait_for(1).await[0];
    assert_eq!((entry.text(Field::Path), entry.text(Field::Server)), (Some("/mcp/up/deep/er"), Some("up")));
    assert_eq!((entry.text(Field::Ip), entry.text(Field::UserAgent)), (Some("127.0.0.1"), Some("test/1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_one_by_one() {
    let log = Log::open();
    let (upstream, server) = streaming("text/event-stream").await;
    let request = post(&proxy(&log, upstream).await, &[], CALL);
    // The head comes before there is anything of a body.
    let mut body = send(request).await.into_body();
    let progress = "data: {\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n";
    for _ in 0..3 {
        server.send(progress).await.unwrap();
        assert_eq!(next(&mut body).await, progress);
    }
    server.send("data: {\"result\":{\"content\":[]},\"id\":1}\n\n").await.unwrap();
    next(&mut body).await;
    drop(server);
    assert!(body.frame().await.is_none());
    let entries = log.wait_for(1).await;
    assert_eq!(lines(&entries), ["request tools/call echo ok 200"]);
    assert_eq!(entries[0].details["progress"], 3);
    assert_eq!(entries[0].details["streamed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_is_recorded_and_the_upstream_is_closed() {
    for (revision, expected) in [("2025-11-25", "client-closed"), ("2026-07-28", "cancelled")] {
        let log = Log::open();
        let (upstream, server) = streaming("text/event-stream").await;
        let request = post(&proxy(&log, upstream).await, &[("mcp-protocol-version", revision)], CALL);
        let mut body = send(request).await.into_body();
        server.send(": hello\n\n").await.unwrap();
        next(&mut body).await;
        drop(body);
        assert_eq!(lines(&log.wait_for(1).await), [format!("request tools/call echo {expected} 200")]);
        server.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_before_the_head_is_recorded() {
    let log = Log::open();
    let (arrived, mut arrivals) = mpsc::channel(1);
    let handler = move || async move {
        arrived.send(()).await.unwrap();
        std::future::pending::<Response>().await
    };
    let upstream = serve(Router::new().fallback(any(handler))).await;
    let url = proxy(&log, upstream).await;
    let call = tokio::spawn(async move { exchange(post(&url, &[], CALL)).await });
    arrivals.recv().await.unwrap();
    call.abort();
    assert_eq!(lines(&log.wait_for(1).await), ["request tools/call echo client-closed -"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_the_server_breaks_off_is_incomplete() {
    let log = Log::open();
    let upstream =
        serve_bytes(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"result\":")
            .await;
    let body = send(post(&proxy(&log, upstream).await, &[], CALL)).await.into_body();
    assert!(body.collect().await.is_err());
    assert_eq!(lines(&log.wait_for(1).await), ["request tools/call echo incomplete 200"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_upstream_is_a_transport_failure() {
    let log = Log::open();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (status, body) = exchange(post(&proxy(&log, closed).await, &[], CALL)).await;
    assert_eq!(status, 502);
    assert!(body.contains("cannot be reached") && !body.contains(&closed.to_string()), "{body}");
    let broken = serve_bytes(b"").await;
    assert_eq!(exchange(post(&proxy(&log, broken).await, &[], CALL)).await.0, 502);
    let real = serve_bytes(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(exchange(post(&proxy(&log, real).await, &[], CALL)).await.0, 502);
    let entries = log.wait_for(3).await;
    assert_eq!(
        lines(&entries),
        [
            "request tools/call echo transport-error 502",
            "request tools/call echo transport-error 502",
            "request tools/call echo rejected 502",
        ]
    );
    assert_eq!(entries[0].text(Field::ErrorType), Some("upstream_refused"));
    assert_eq!(entries[1].text(Field::ErrorType), Some("upstream_closed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_mode_foreign_credentials_pass_and_our_own_identify_the_caller() {
    let log = Log::open();
    let (seen, mut headers) = mpsc::channel(8);
    let handler = move |request: axum::extract::Request| async move {
        seen.send(request.headers().get("authorization").cloned()).await.unwrap();
        r#"{"result":{},"id":1}"#
    };
    let upstream = serve(Router::new().fallback(any(handler))).await;
    let tokens = Tokens::open(&log.folder.path().join("tokens")).unwrap();
    let viewer = mcp_audit_log::Viewer { user: "anna".into(), groups: vec![], instance: None };
    let (secret, _) = tokens.create(&viewer, "laptop", log.log.view().now()).unwrap();
    let upstream = Upstream::new("up", &format!("http://{upstream}")).unwrap();
    let sign_in = SignIn::Open(Identity::new(tokens));
    let url = format!("http://{}/mcp/up", serve(router(log.log.clone(), vec![upstream], sign_in)).await);
    for (sent, passed) in [("Basic Zm9v", Some("Basic Zm9v")), (&format!("Bearer {secret}"), None)] {
        let response = send(post(&url, &[("authorization", sent)], CALL)).await;
        assert_eq!(response.status().as_u16(), 200);
        response.collect().await.unwrap();
        assert_eq!(headers.recv().await.unwrap().as_ref().map(|header| header.to_str().unwrap()), passed);
    }
    let entries = log.wait_for(2).await;
    assert_eq!((entries[0].text(Field::User), entries[1].text(Field::User)), (None, Some("anna")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_required() {
    let log = Log::open();
    let (seen, mut headers) = mpsc::channel(8);
    let handler = move |request: axum::extract::Request| async move {
        seen.send(request.headers().clone()).await.unwrap();
        r#"{"result":{},"id":1}"#
    };
    let upstream = serve(Router::new().fallback(any(handler))).await;
    let tokens = Tokens::open(&log.folder.path().join("tokens")).unwrap();
    let viewer = mcp_audit_log::Viewer { user: "anna".into(), groups: vec![], instance: None };
    let (secret, _) = tokens.create(&viewer, "laptop", log.log.view().now()).unwrap();
    let sign_in = SignIn::Tokens(Identity::new(tokens));
    let upstream = Upstream::new("up", &format!("http://{upstream}")).unwrap();
    let base = format!("http://{}", serve(router(log.log.clone(), vec![upstream], sign_in)).await);
    let bearer = format!("Bearer {secret}");
    for (path, token, expected) in [
        ("/mcp/up", None, 401),
        ("/mcp/up", Some("Bearer mcpa_wrong"), 401),
        ("/mcp/none", Some("Bearer mcpa_wrong"), 401),
        ("/mcp/none", Some(bearer.as_str()), 404),
        ("/mcp/up/..%2fx", Some(bearer.as_str()), 400),
        ("/mcp", None, 401),
        ("/mcp", Some(bearer.as_str()), 404),
        ("/mcp/", Some(bearer.as_str()), 404),
        ("/mcp//up", Some(bearer.as_str()), 404),
        ("/mcp/up", Some(bearer.as_str()), 200),
    ] {
        let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
        let response = send(post(&format!("{base}{path}"), &headers, CALL)).await;
        assert_eq!((path, response.status().as_u16()), (path, expected));
        assert_eq!(response.headers().contains_key("www-authenticate"), expected == 401);
        let body = response.collect().await.unwrap().to_bytes();
        assert!(expected != 404 || contains(&body, "known servers: up"));
    }
    assert!(!headers.recv().await.unwrap().contains_key("authorization"));
    let entries = log.wait_for(10).await;
    assert_eq!(
        lines(&entries),
        [
            "request tools/call echo denied 401",
            "request tools/call echo denied 401",
            "request tools/call echo denied 401",
            "request tools/call echo rejected 404",
            "request tools/call echo rejected 400",
            "request tools/call echo denied 401",
            "request tools/call echo rejected 404",
            "request tools/call echo rejected 404",
            "request tools/call echo rejected 404",
            "request tools/call echo ok 200",
        ]
    );
    assert_eq!((entries[0].text(Field::Ip), entries[0].text(Field::User)), (Some("127.0.0.1"), None));
    assert_eq!((entries[2].text(Field::Server), entries[3].text(Field::User)), (Some("none"), Some("anna")));
    assert_eq!(entries[9].text(Field::Connection), Some("laptop"));
    assert_eq!((entries[6].text(Field::Path), entries[6].text(Field::Server)), (Some("/mcp"), None));
    assert!(!contains(&log.files(), &secret) && !contains(&log.files(), "mcpa_wrong"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_request_passes() {
    let handler = |request: axum::extract::Request| async move {
        let mut body = request.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame.unwrap().into_data().map_or(0, |data| data.len());
        }
        format!(r#"{{"result":{{"length":{length}}},"id":1}}"#)
    };
    let log = Log::open();
    let upstream = serve(Router::new().fallback(any(handler))).await;
    let long = "x".repeat(100 << 20);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"upload","arguments":{{"data":"{long}"}}}}}}"#
    );
    let length = body.len();
    let (status, answer) = exchange(post(&proxy(&log, upstream).await, &[], &body)).await;
    assert_eq!((status, answer), (200, format!(r#"{{"result":{{"length":{length}}},"id":1}}"#)));
    let entries = log.wait_for(1).await;
    assert_eq!(lines(&entries), ["request tools/call upload ok 200"]);
    assert_eq!(entries[0].request_bytes, Some(length as u64));
}

/// The request as the upstream sees it, and the answer as the client sees it.
async fn passed(headers: &[(&str, &str)], answer: &[(&'static str, &'static str)]) -> [axum::http::HeaderMap; 2] {
    let (sender, mut seen) = mpsc::channel(1);
    let answer: Vec<_> = answer.to_vec();
    let handler = move |request: axum::extract::Request| async move {
        sender.send(request.headers().clone()).await.unwrap();
        let mut response = Body::from("{}").into_response();
        for (name, value) in answer {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    };
    let log = Log::open();
    let upstream = serve(Router::new().fallback(any(handler))).await;
    let response = send(post(&proxy(&log, upstream).await, headers, CALL)).await;
    [seen.recv().await.unwrap(), response.headers().clone()]
}

fn all<'a>(headers: &'a axum::http::HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_cookie_never_reaches_an_upstream() {
    for (sent, expected) in [
        ("mcp_audit_log_session=secret", vec![]),
        ("a=1; mcp_audit_log_session=secret;b = \"2\" ;; c", vec!["a=1;b = \"2\" ;; c"]),
        ("mcp_audit_log_session=x; a=1; mcp_audit_log_session = y", vec!["a=1"]),
        (" a=mcp_audit_log_session;  b=1;", vec!["a=mcp_audit_log_session;  b=1;"]),
        (
            "my_mcp_audit_log_session=1; mcp_audit_log_sessions=2",
            vec!["my_mcp_audit_log_session=1; mcp_audit_log_sessions=2"],
        ),
    ] {
        let [request, _] = passed(&[("cookie", sent)], &[]).await;
        assert_eq!(all(&request, "cookie"), expected, "{sent}");
    }
    let answer = [
        ("set-cookie", "mine=1; Path=/"),
        ("set-cookie", "mcp_audit_log_session=evil; Path=/"),
        ("set-cookie", " =mcp_audit_log_session = evil; Path=/"),
        ("set-cookie", "mcp_audit_log_session"),
        ("set-cookie", "other=mcp_audit_log_session=1"),
    ];
    let [_, response] = passed(&[], &answer).await;
    assert_eq!(all(&response, "set-cookie"), ["mine=1; Path=/", "other=mcp_audit_log_session=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_can_run_scripts_get_another_origin() {
    for (kind, accept, confined) in [
        (Some("application/json"), "text/html", false),
        (Some("text/event-stream"), "text/html", false),
        (Some("Text/HTML; charset=utf-8"), "*/*", true),
        (Some("application/xhtml+xml"), "*/*", true),
        (Some("image/svg+xml"), "*/*", true),
        (Some("text/xml"), "*/*", true),
        (Some("unknown/unknown"), "text/html", true),
        (None, "text/html,*/*", true),
        (None, "application/json, text/event-stream", false),
    ] {
        let mut answer = vec![("content-security-policy", "default-src 'self'"), ("x-content-type-options", "odd")];
        answer.extend(kind.map(|kind| ("content-type", kind)));
        let [_, response] = passed(&[("accept", accept)], &answer).await;
        let policies = all(&response, "content-security-policy");
        assert_eq!(policies[0], "default-src 'self'");
        assert_eq!(policies[1..], ["sandbox"][..usize::from(confined)], "{kind:?} {accept}");
        assert_eq!(all(&response, "x-content-type-options"), [if confined { "nosniff" } else { "odd" }]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn header_limits_are_unchanged_by_the_proxy() {
    let mut answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n".to_owned();
    (0..500).for_each(|number| answer.push_str(&format!("x-{number}: 1\r\n")));
    let upstream = serve_bytes(format!("{answer}\r\n{{}}").leak().as_bytes()).await;
    let log = Log::open();
    let url = proxy(&log, upstream).await;
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .http1_max_headers(1_000)
        .build_http();
    let response = client.request(post(&url, &[], CALL)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().keys().filter(|name| name.as_str().starts_with("x-")).count(), 500);
}
