//! Long exchanges end with the token that they began with.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod capture;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::BodyExt;
use mcp_audit_log::Viewer;
use mcp_audit_log::capture::proxy::{SignIn, router};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::field::Field;
use mcp_audit_log::identity::Identity;
use mcp_audit_log::store::{NewToken, Tokens};
use mcp_audit_log::time::{Clock, ManualClock, SECOND, SystemClock};
use tokio::sync::mpsc;

use capture::*;

/// So long at most, whatever is wrong.
const WATCHDOG: Duration = Duration::from_secs(30);
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"}}}"#;

struct Pieces(mpsc::Receiver<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let frame = |piece: &'static str| Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes())));
        self.0.poll_recv(context).map(|piece| piece.map(frame))
    }
}

/// A server whose first answer is everything that is sent into the channel, and that never answers a second time.
async fn upstream() -> (Upstream, mpsc::Sender<&'static str>) {
    let (sender, receiver) = mpsc::channel::<&'static str>(8);
    let receiver = Arc::new(tokio::sync::Mutex::new(Some(receiver)));
    let handler = move || {
        let receiver = Arc::clone(&receiver);
        async move {
            match receiver.lock().await.take() {
                Some(pieces) => {
                    ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(Pieces(pieces))).into_response()
                }
                None => std::future::pending().await,
            }
        }
    };
    let address = serve(Router::new().fallback(any(handler))).await;
    (Upstream::new("up", &format!("http://{address}/base")).expect("an upstream"), sender)
}

fn viewer() -> Viewer {
    Viewer { user: "ada".to_owned(), groups: vec!["user".to_owned()], instance: None }
}

async fn ends(log: &Log, identity: Identity, secret: &str, end: impl FnOnce()) {
    let (upstream, pieces) = upstream().await;
    let address = serve(router(log.log.clone(), vec![upstream], SignIn::Tokens(identity))).await;
    let url = format!("http://{address}/mcp/up");
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", bearer.as_str()), ("accept", "text/event-stream"), ("mcp-session-id", "s")];
    let mut stream = post(&url, &headers, "");
    *stream.method_mut() = hyper::Method::GET;
    let mut stream = send(stream).await.into_body();
    pieces.send("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n").await.expect("sent");
    assert!(next(&mut stream).await.contains("notifications/message"));
    let call = tokio::spawn(exchange(post(&url, &headers, CALL)));
    end();
    let over = async {
        while let Some(frame) = stream.frame().await {
            frame.expect("a stream ends cleanly");
        }
        // The upstream is released, too.
        pieces.closed().await;
        call.await.expect("joined")
    };
    let (status, text) = tokio::time::timeout(WATCHDOG, over).await.expect("both end");
    assert_eq!(status, 401, "{text}");
    let entries = log.wait_for(3).await;
    let call = entries.iter().find(|entry| entry.text(Field::Tool) == Some("echo")).expect("the call is an entry");
    assert_eq!(call.text(Field::User), Some("ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_calls_of_a_revoked_token_end() {
    let log = Log::open();
    let tokens = Tokens::open(&log.folder.path().join("tokens")).expect("tokens");
    let (secret, token) = tokens.create(&viewer(), "laptop", SystemClock.now()).expect("a token");
    let revoke = || assert!(tokens.revoke(&token.id, "root", SystemClock.now()).expect("revoked"));
    ends(&log, Identity::new(tokens.clone()), &secret, revoke).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_calls_of_an_expired_token_end() {
    let log = Log::open();
    let tokens = Tokens::open(&log.folder.path().join("tokens")).expect("tokens");
    let now = SystemClock.now();
    let clock = Arc::new(ManualClock::new(now));
    let wanted = NewToken::new(viewer(), "laptop").expires(Some(now.plus(60 * SECOND)));
    let (secret, _) = tokens.create_by("root", &wanted, now).expect("a token");
    let identity = Identity::new(tokens.clone()).clock(Arc::clone(&clock) as Arc<dyn Clock>);
    ends(&log, identity, &secret, || clock.advance(61 * SECOND)).await;
}
