//! Long exchanges end with the token that they began with.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use mcp_audit_log::Viewer;
use mcp_audit_log::capture::proxy::{SignIn, router};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::field::Field;
use mcp_audit_log::identity::Identity;
use mcp_audit_log::time::{Clock, ManualClock, SECOND, SystemClock};
use mcp_audit_log::tokens::{NewToken, Tokens};

use super::CALL;
use crate::support::*;

/// The time limit of a test if something is wrong.
const WATCHDOG: Duration = Duration::from_secs(30);
fn viewer() -> Viewer {
    Viewer::new("ada", ["user"])
}

async fn ends(log: &Log, identity: Identity, secret: &str, end: impl FnOnce()) {
    let (upstream, pieces) = streaming("text/event-stream").await;
    let upstream = Upstream::new("up", &format!("http://{upstream}/base")).expect("an upstream");
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
