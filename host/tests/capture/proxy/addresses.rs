//! Addresses in both directions: the host that the upstream sees, and the mapped redirects.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::any;
use mcp_audit_log::capture::proxy::ProxyOptions;
use mcp_audit_log::capture::upstream::{HostHeader, Upstream};
use tokio::sync::mpsc;

use super::{ANSWER, CALL, plain_proxy, proxy};
use crate::support::{Log, exchange, post, send, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_stays_on_the_proxy() {
    // As Starlette does with a slash that is missing.
    let moved = || async { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/base/")]) };
    let router = Router::new().route("/base", any(moved)).route("/base/", any(|| async { ANSWER }));
    let log = Log::open();
    let url = plain_proxy(&log, serve(router).await).await;
    let response = send(post(&url, &[], CALL)).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()[header::LOCATION]),
        (307, &"/mcp/up/".parse().unwrap())
    );
    let followed = url.replace("/mcp/up", "/mcp/up/");
    assert_eq!(exchange(post(&followed, &[], CALL)).await, (200, ANSWER.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_gets_its_own_host_by_default() {
    let (sender, mut seen) = mpsc::channel(1);
    let handler = move |request: axum::extract::Request| async move {
        sender.send(request.headers().get_all(header::HOST).iter().cloned().collect::<Vec<_>>()).await.unwrap();
        ANSWER
    };
    let address = serve(Router::new().fallback(any(handler))).await;
    let log = Log::open();
    for (host, expected) in [(HostHeader::Upstream, address.to_string()), (HostHeader::Client, "my.host".to_owned())] {
        let upstream = Upstream::new("up", &format!("http://{address}/mcp")).unwrap().with_host(host);
        let url = proxy(&log, upstream, ProxyOptions::default()).await;
        assert_eq!(exchange(post(&url, &[("host", "my.host")], CALL)).await.0, 200);
        assert_eq!(seen.recv().await.unwrap(), [expected]);
    }
}

/// A caller names in `Connection` what the next hop must not get. What the proxy adds is for that hop.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_cannot_take_the_proxys_headers_off_again_or_have_them_repeated() {
    let (sender, mut seen) = mpsc::channel(1);
    let handler = move |request: axum::extract::Request| async move {
        sender
            .send(request.headers().get_all(header::AUTHORIZATION).iter().cloned().collect::<Vec<_>>())
            .await
            .unwrap();
        ANSWER
    };
    let address = serve(Router::new().fallback(any(handler))).await;
    let log = Log::open();
    let upstream = Upstream::new("up", &format!("http://{address}/mcp")).unwrap();
    let upstream = upstream.with_header(header::AUTHORIZATION, "Bearer own".parse().unwrap()).unwrap();
    let url = proxy(&log, upstream, ProxyOptions::default()).await;
    let sent = [("connection", "authorization"), ("authorization", "Bearer mine")];
    assert_eq!(exchange(post(&url, &sent, CALL)).await.0, 200);
    assert_eq!(seen.recv().await.unwrap(), ["Bearer own"]);
    let mut trace = post(&url, &[], "");
    *trace.method_mut() = axum::http::Method::TRACE;
    assert_eq!(exchange(trace).await.0, 405);
}
