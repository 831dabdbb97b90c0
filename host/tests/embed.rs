//! The embedding example: its own sign-in gives access to the log, and its traffic is recorded.
#![allow(clippy::expect_used, reason = "a helper that fails is a test that fails")]

#[allow(dead_code, unreachable_pub, reason = "the example is a program of its own")]
#[path = "../examples/embed.rs"]
mod embed;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options};
use tower_service::Service;

async fn ask(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.clone().call(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    (parts.status, String::from_utf8(bytes.to_vec()).expect("text"))
}

/// Returns once all earlier events are stored.
async fn settle(log: &AuditLog) {
    let event = Event::new(SystemClock.now(), Channel::System, Kind::System, OutcomeDetail::Ok);
    log.record_durably(event).await.expect("recorded");
}

#[tokio::test]
async fn the_embedding_example_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let app = embed::app(&log);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search"}}"#;
    let call = Request::post("/mcp").header("x-your-session", "ada").header("content-type", "application/json");
    assert_eq!(ask(&app, call.body(Body::from(body)).expect("a request")).await.0, StatusCode::OK);
    settle(&log).await;
    let get = |path: &str, user: &str| {
        Request::get(path).header("x-your-session", user).body(Body::empty()).expect("a request")
    };
    let (status, text) = ask(&app, get("/audit/api/v1/entries?tool=search", "ada")).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.contains(r#""user":"ada""#) && text.contains(r#""instance":"eu-1""#), "{text}");
    let (status, text) = ask(&app, get("/audit/api/v1/entries?tool=search", "bob")).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(!text.contains("ada"), "somebody else's: {text}");
    assert_eq!(ask(&app, get("/audit", "ada")).await.0, StatusCode::OK);
    let stranger = Request::get("/audit/api/v1/entries").body(Body::empty()).expect("a request");
    assert_eq!(ask(&app, stranger).await.0, StatusCode::UNAUTHORIZED);
    // A browser sends a cookie by itself, so a request from another site may not change anything.
    let foreign =
        Request::post("/audit/api/v1/views").header("x-your-session", "ada").header("sec-fetch-site", "cross-site");
    assert_eq!(ask(&app, foreign.body(Body::empty()).expect("a request")).await.0, StatusCode::FORBIDDEN);
    let tokens = ask(&app, get("/audit/api/v1/tokens", "ada")).await;
    assert_eq!(tokens.0, StatusCode::FORBIDDEN, "{}", tokens.1);
}
