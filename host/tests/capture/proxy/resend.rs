//! Reused connections: a connection that the upstream had closed fails no call, and a call that may have been executed
//! is never sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{ANSWER, CALL, answer, plain_proxy, request, server};
use crate::support::{Log, exchange, post};

#[tokio::test(flavor = "multi_thread")]
async fn closed_idle_connections_lose_no_call() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&arrived);
    // As a server does that had hung up just before the second request came.
    let upstream = server(move |mut stream: TcpStream| {
        let arrived = Arc::clone(&counted);
        async move {
            request(&mut stream).await;
            answer(&mut stream).await;
            let mut byte = [0; 1];
            if stream.peek(&mut byte).await.is_ok_and(|length| length > 0) {
                arrived.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let log = Log::open();
    let url = plain_proxy(&log, upstream.await).await;
    for _ in 0..60 {
        assert_eq!(exchange(post(&url, &[], CALL)).await, (200, ANSWER.to_owned()));
    }
    // The test is one only if connections broke that were used again.
    assert!(arrived.load(Ordering::Relaxed) > 20, "{arrived:?}");
    let entries = log.wait_for(60).await;
    let resent =
        entries.iter().filter(|entry| entry.details.get("resent").is_some_and(|resent| *resent == true)).count();
    assert!(resent > 20, "{resent}");
}

/// Two calls to a server that answers the second one with `then`: the status of the second call, and how often it
/// arrived.
async fn second(body: &str, then: &'static [u8]) -> (u16, usize) {
    let arrived = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&arrived);
    let upstream = server(move |mut stream: TcpStream| {
        let arrived = Arc::clone(&counted);
        async move {
            while request(&mut stream).await.is_some() {
                if arrived.fetch_add(1, Ordering::Relaxed) == 1 {
                    let _ = stream.write_all(then).await;
                    return;
                }
                answer(&mut stream).await;
            }
        }
    });
    let log = Log::open();
    let url = plain_proxy(&log, upstream.await).await;
    assert_eq!(exchange(post(&url, &[], CALL)).await.0, 200);
    let (status, _) = exchange(post(&url, &[], body)).await;
    (status, arrived.load(Ordering::Relaxed) - 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_resent_only_if_it_did_not_arrive() {
    assert_eq!(second(CALL, b"").await, (200, 2));
    // A byte of the answer came, so it had arrived.
    assert_eq!(second(CALL, b"H").await, (502, 1));
    // A body that is too long to keep uses a separate connection, where nothing is sent twice.
    let long =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{}"}}}}"#, "x".repeat(80 << 10));
    assert_eq!(second(&long, b"").await, (502, 1));
}
