//! Over real sockets: answers are sent at once, and a client that stays connected does not delay the stop.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use mcp_audit_log::http::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::support::World;

/// A stream that never ends, as in a client of a live view.
pub(crate) fn endless() -> Body {
    struct Endless;
    impl http_body::Body for Endless {
        type Data = bytes::Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
            std::task::Poll::Pending
        }
    }
    Body::new(Endless)
}

#[tokio::test]
async fn the_server_ends_although_a_stream_is_open() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/endless", get(async || endless())).merge(world.router.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, router, async { drop(stopped.await) }));

    let mut probe = TcpStream::connect(address).await.expect("connected");
    probe.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    probe.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ready\n"), "{answer}");

    let mut probe = TcpStream::connect(address).await.expect("connected");
    let many: String = (0..900).map(|number| format!("x-{number}: 1\r\n")).collect();
    let request = format!("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{many}\r\n");
    probe.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    probe.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let mut held = TcpStream::connect(address).await.expect("connected");
    held.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    held.read_u8().await.expect("the head");
    let asked = Instant::now();
    stop.send(()).expect("told");
    server.await.expect("joined").expect("served");
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
}
