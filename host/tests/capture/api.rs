//! The layer for a vendor's own API, on real sockets: one entry per request, and the same traffic as without the layer.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use mcp_audit_log::capture::{ApiLayer, AuditLayer, CallId, CallerSlot, ParentCall};
use mcp_audit_log::entry::Entry;
use mcp_audit_log::event::Caller;
use mcp_audit_log::field::Field;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::support::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The vendor's sign-in: a token is a name.
async fn sign_in(headers: HeaderMap, request: Request, next: Next) -> Response {
    let Some(token) = headers.get("authorization").and_then(|value| value.to_str().ok()) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let slot = request.extensions().get::<CallerSlot>().expect("a slot").clone();
    let connection = token.strip_prefix("Bearer ").map(str::to_owned);
    slot.set(Caller { user: Some("uma".into()), connection, ..Caller::default() });
    next.run(request).await
}

fn api(log: &Log) -> Router {
    Router::new()
        .route("/items/{id}", any(async |Path(id): Path<String>, body: Bytes| format!("{id} has {}", body.len())))
        .route("/teapot", get((StatusCode::IM_A_TEAPOT, [("x-own", "kept")], "short and stout")))
        .route("/none", get(StatusCode::NO_CONTENT))
        .route("/panic", get(async || -> String { panic!("a bug of the vendor") }))
        .layer(from_fn(sign_in))
        .layer(ApiLayer::new(log.log.clone(), "billing"))
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> hyper::Request<Full<Bytes>> {
    let mut request = hyper::Request::builder().method(method).uri(url).header("authorization", "Bearer umas-laptop");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_owned())).expect("a request")
}

fn details(entry: &Entry) -> [Option<&str>; 4] {
    [Field::Method, Field::Path, Field::OutcomeDetail, Field::Connection].map(|field| entry.text(field))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_entry_with_caller_route_and_outcome() {
    let log = Log::open();
    let address = serve(api(&log)).await;
    let headers = [
        ("traceparent", &*format!("00-{TRACE}-00f067aa0ba902b7-01")),
        ("user-agent", "cli/1"),
        ("mcp-session-id", "5e55-CANARY"),
    ];
    let url = format!("http://{address}/items/7?key=CANARY");
    assert_eq!(exchange(request("PUT", &url, &headers, "CANARY")).await, (200, "7 has 6".to_owned()));
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!(line(&entry), "http PUT - ok 200");
    assert_eq!(details(&entry), [Some("PUT"), Some("/items/7"), Some("ok"), Some("umas-laptop")]);
    assert_eq!(
        [Field::Channel, Field::Action, Field::Server, Field::User, Field::HttpMethod].map(|field| entry.text(field)),
        [Some("api"), Some("api.called"), Some("billing"), Some("uma"), Some("PUT")]
    );
    assert_eq!((entry.request_bytes, entry.response_bytes), (Some(6), Some(7)));
    assert_eq!((entry.text(Field::Ip), entry.text(Field::UserAgent)), (Some("127.0.0.1"), Some("cli/1")));
    assert_eq!((entry.text(Field::TraceId), entry.parent), (Some(TRACE), None));
    assert_eq!(entry.details["route"], "/items/{id}");
    assert!(entry.duration_us.is_some() && entry.text(Field::Session).expect("a session").starts_with("5e55-"));
    assert!(!contains(&log.files(), "CANARY"), "neither body, query nor session is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_requests_are_recorded_and_nothing_is_changed() {
    let log = Log::open();
    let address = serve(api(&log)).await;
    let response = send(request("GET", &format!("http://{address}/teapot"), &[], "")).await;
    assert_eq!((response.status().as_u16(), response.headers()["x-own"].to_str().unwrap()), (418, "kept"));
    assert_eq!(response.headers()["content-length"], "15");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "short and stout");
    let head = send(request("HEAD", &format!("http://{address}/items/7"), &[], "")).await;
    assert_eq!(head.headers()["content-length"], "7");
    exchange(request("GET", &format!("http://{address}/none"), &[], "")).await;
    exchange(request("GET", &format!("http://{address}/nowhere"), &[], "")).await;
    let stranger = hyper::Request::get(format!("http://{address}/teapot")).body(Full::default()).unwrap();
    assert_eq!(exchange(stranger).await.0, 401);
    // Each is recorded when its answer has been sent, which may be after the next one was.
    let mut lines = lines(&log.wait_for(5).await);
    lines.sort();
    assert_eq!(
        lines,
        [
            "http GET - denied 401",
            "http GET - ok 204",
            "http GET - rejected 404",
            "http GET - rejected 418",
            "http HEAD - ok 200",
        ]
    );
}

/// An API with one stream. The test sends its pieces.
fn streaming(log: &Log) -> (mpsc::Sender<&'static str>, Router) {
    let (sender, body) = stream();
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let handler = async move || body.lock().unwrap().take().expect("one request");
    (sender, Router::new().route("/stream", get(handler)).layer(ApiLayer::new(log.log.clone(), "billing")))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_frame_passes_at_once_and_the_end_is_recorded() {
    let log = Log::open();
    let (sender, router) = streaming(&log);
    let address = serve(router).await;
    let mut body = send(request("GET", &format!("http://{address}/stream"), &[], "")).await.into_body();
    for piece in ["one", "two", "three"] {
        sender.send(piece).await.unwrap();
        assert_eq!(next(&mut body).await, piece, "before the next one was sent");
    }
    assert_eq!(log.entries().await.len(), 0, "it is not over");
    drop(sender);
    assert!(body.frame().await.is_none());
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!((line(&entry).as_str(), entry.response_bytes), ("http GET - ok 200", Some(11)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_in_the_answer_is_recorded() {
    let log = Log::open();
    let (sender, router) = streaming(&log);
    let address = serve(router).await;
    let mut body = send(request("GET", &format!("http://{address}/stream"), &[], "")).await.into_body();
    sender.send("one").await.unwrap();
    next(&mut body).await;
    drop(body);
    sender.closed().await;
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!((line(&entry).as_str(), entry.response_bytes), ("http GET - client-closed 200", Some(3)));
    assert_eq!(entry.text(Field::ErrorType), Some("client_closed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_before_the_answer_is_recorded() {
    let log = Log::open();
    let (begun, mut at_work) = mpsc::channel(1);
    let handler = async move || {
        begun.send(()).await.unwrap();
        std::future::pending::<String>().await
    };
    let router = Router::new().route("/slow", get(handler)).layer(ApiLayer::new(log.log.clone(), "billing"));
    let address = serve(router).await;
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /slow HTTP/1.1\r\nhost: api\r\n\r\n").await.unwrap();
    at_work.recv().await.unwrap();
    drop(socket);
    assert_eq!(lines(&log.wait_for(1).await), ["http GET - client-closed -"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_is_recorded() {
    let log = Log::open();
    let address = serve(api(&log)).await;
    let answer = client().request(request("GET", &format!("http://{address}/panic"), &[], "")).await;
    assert!(answer.is_err(), "as without the layer");
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!((line(&entry).as_str(), entry.text(Field::User)), ("http GET - transport-error -", Some("uma")));
    assert_eq!(exchange(request("GET", &format!("http://{address}/none"), &[], "")).await.0, 204, "the API goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_works_and_is_recorded() {
    let log = Log::open();
    let handler = async |mut request: Request| {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut socket = TokioIo::new(upgrade.await.expect("upgraded"));
            let mut word = [0; 4];
            socket.read_exact(&mut word).await.expect("a word");
            socket.write_all(&word).await.expect("sent back");
        });
        (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "echo")])
    };
    let router = Router::new().route("/socket", get(handler)).layer(ApiLayer::new(log.log.clone(), "billing"));
    let address = serve(router).await;
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = b"GET /socket HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nping";
    socket.write_all(head).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nping"), "{answer}");
    assert_eq!(lines(&log.wait_for(1).await), ["http GET - ok 101"]);
}

/// One troubleshoot call that calls the vendor's API three times: four entries that refer to each other.
#[tokio::test(flavor = "multi_thread")]
async fn api_calls_refer_to_the_tool_call_that_made_them() {
    // Whether the call's body was read or not, so that its message is known or not.
    for (reads, method) in [(true, "tools/call"), (false, "POST")] {
        let log = Log::open();
        let address = serve(troubleshooter(&log, reads)).await;
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"troubleshoot"}}"#;
        exchange(crate::support::post(&format!("http://{address}/mcp"), &[], body)).await;
        let entries = log.wait_for(4).await;
        let of = |method| entries.iter().filter(move |entry| entry.text(Field::Method) == Some(method));
        let call = of(method).next().expect("the call");
        let parents: Vec<_> = of("GET").map(|entry| entry.parent).collect();
        assert_eq!(parents, [Some(call.id); 3], "{:?}", lines(&entries));
    }
}

fn troubleshooter(log: &Log, reads: bool) -> Router {
    let inside = api(log);
    let tool = async move |request: Request| {
        let call = request.extensions().get::<CallId>().expect("an id").clone();
        if reads {
            request.into_body().collect().await.expect("a body");
        }
        for path in ["/items/1", "/items/2", "/nowhere"] {
            let asked = Request::get(path).header("authorization", "Bearer umas-laptop");
            let asked = asked.extension(ParentCall::from(&call)).body(Body::empty()).expect("a request");
            let answer = tower_service::Service::call(&mut inside.clone(), asked).await.expect("an answer");
            answer.into_body().collect().await.expect("a body");
        }
        ([("content-type", "application/json")], r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#)
    };
    Router::new().route("/mcp", post(tool)).layer(AuditLayer::new(log.log.clone(), "support"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_does_not_affect_the_vendors_api() {
    let log = Log::open();
    let address = serve(api(&log)).await;
    log.log.close();
    assert_eq!(exchange(request("GET", &format!("http://{address}/items/7"), &[], "x")).await, (200, "7 has 1".into()));
}
