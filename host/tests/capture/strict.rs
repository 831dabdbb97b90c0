//! Strict recording: the intent of a call is durable before the server sees the call. Without an intent, the server
//! sees nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use axum::Router;
use axum::routing::any;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::recorder::{QueueLimits, RecordError, Stored};
use mcp_audit_log::{AuditLog, Event, Options};

use crate::support::{Log, exchange, line, post, send, serve};
use mcp_audit_log::capture::{AuditLayer, StrictLayer};
use mcp_audit_log::event::{Channel, Kind, OutcomeDetail};

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;

/// A server that counts the requests that it gets, with strict recording around it.
async fn server(log: &AuditLog) -> (String, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let answer = move |body: String| {
        counted.fetch_add(1, Ordering::SeqCst);
        let length = body.len();
        async move { if length > 0 { ANSWER } else { "" } }
    };
    let router = Router::new().route("/mcp", any(answer));
    let router = router.layer(StrictLayer).layer(AuditLayer::new(log.clone(), "strict"));
    (format!("http://{}/mcp", serve(router).await), seen)
}

fn detail<'a>(entry: &'a Entry, name: &str) -> &'a str {
    entry.details.get(name).and_then(serde_json::Value::as_str).expect("a detail")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sees_a_call_only_when_its_intent_is_durable() {
    let log = Log::open();
    let (inner, access) = (log.log.clone(), log.access());
    let found = move || async move {
        // A reader other than the writer: what it finds is committed.
        let page = inner.view().reader(&access).page(Domain::TRUE, None, 10).expect("a page");
        page.entries
            .iter()
            .filter(|entry| entry.text(Field::Kind) == Some("intent"))
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let router = Router::new().route("/mcp", any(found));
    let router = router.layer(StrictLayer).layer(AuditLayer::new(log.log.clone(), "strict"));
    let address = serve(router).await;
    let (status, seen) = exchange(post(&format!("http://{address}/mcp"), &[], CALL)).await;
    assert_eq!((status, seen.as_str()), (200, "intent tools/call echo intended -"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_names_the_entry_about_its_end() {
    let log = Log::open();
    let (url, seen) = server(&log.log).await;
    assert_eq!(exchange(post(&url, &[], CALL)).await.0, 200);
    let batch = r#"[{"id":7,"method":"ping"},{"method":"notifications/x"}]"#;
    assert_eq!(exchange(post(&url, &[], batch)).await.0, 200);
    assert_eq!(exchange(post(&url, &[], "what?")).await.0, 200);
    let entries = log.wait_for(8).await;
    let (intents, ends): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.text(Field::Kind) == Some("intent"));
    assert_eq!((intents.len(), ends.len(), seen.load(Ordering::SeqCst)), (4, 4, 3));
    for intent in &intents {
        let end = ends.iter().find(|end| end.id.to_string() == detail(intent, "call")).expect("its end");
        assert!(intent.seq < end.seq);
        assert_eq!(intent.text(Field::Method), end.text(Field::Method));
        assert_eq!(intent.text(Field::Outcome), Some("pending"));
    }
    let methods: Vec<_> = intents.iter().map(|intent| intent.text(Field::Method).unwrap_or("-")).collect();
    assert_eq!(methods, ["tools/call", "ping", "notifications/x", "POST"]);
}

/// Streams, ends of sessions, and a client's answers are not calls. Still, each intent names the entry about the end.
#[tokio::test(flavor = "multi_thread")]
async fn intents_of_streams_sessions_and_answers_name_their_ends() {
    let log = Log::open();
    let stream = || async { ([("content-type", "text/event-stream")], "data: {}\n\n") };
    let router = Router::new().route("/mcp", axum::routing::get(stream).delete(|| async {}).post(|| async { "" }));
    let router = router.layer(StrictLayer).layer(AuditLayer::new(log.log.clone(), "strict"));
    let url = format!("http://{}/mcp", serve(router).await);
    for method in ["GET", "DELETE"] {
        let request = hyper::Request::builder().method(method).uri(&url).header("mcp-session-id", "s1");
        assert_eq!(exchange(request.body(Default::default()).expect("a request")).await.0, 200);
    }
    assert_eq!(exchange(post(&url, &[], r#"{"jsonrpc":"2.0","id":5,"result":{}}"#)).await.0, 200);
    // A stream has an entry when it opens as well.
    let entries = log.wait_for(7).await;
    let (intents, ends): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.text(Field::Kind) == Some("intent"));
    let kinds: Vec<_> = intents
        .iter()
        .map(|intent| ends.iter().find(|end| end.id.to_string() == detail(intent, "call")).expect("its end"))
        .map(|end| end.text(Field::Kind).unwrap_or("-"))
        .collect();
    assert_eq!(kinds, ["stream", "session", "server-request"]);
}

/// The data folder is copied while the call is open, like a folder after a kill at that moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_outlives_the_process_gets_its_end_at_the_next_start() {
    let log = Log::open();
    let copy = tempfile::tempdir().expect("a folder");
    let (from, to) = (log.folder.path().to_owned(), copy.path().to_owned());
    let copied = move || async move {
        for file in std::fs::read_dir(from).expect("a folder") {
            let file = file.expect("a file");
            // The components in it are kept again by the next start.
            if file.path().is_file() {
                std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
            }
        }
        ANSWER
    };
    let router = Router::new().route("/mcp", any(copied));
    let router = router.layer(StrictLayer).layer(AuditLayer::new(log.log.clone(), "strict"));
    let url = format!("http://{}/mcp", serve(router).await);
    assert_eq!(exchange(post(&url, &[], CALL)).await.0, 200);
    let lines = ["intent tools/call echo intended -", "request tools/call echo incomplete -"];
    for _ in 0..2 {
        let log = Log { log: Options::new(copy.path()).open().expect("a log"), folder: tempfile::tempdir().unwrap() };
        let entries = log.entries().await;
        assert_eq!(crate::support::lines(&entries), lines, "once, however often it is opened");
        let [intent, end] = &entries[..] else { unreachable!() };
        assert_eq!((detail(intent, "call"), end.parent), (&*end.id.to_string(), Some(intent.id)));
        assert_eq!((end.occurred_at, end.text(Field::RequestId)), (intent.occurred_at, Some("7")));
        assert_eq!(end.text(Field::ErrorType), Some("proxy_killed"));
        log.log.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_any_length_pass_unchanged() {
    let log = Log::open();
    let router = Router::new().route("/mcp", any(async |body: axum::body::Bytes| body.len().to_string()));
    let router = router.layer(axum::extract::DefaultBodyLimit::disable());
    let router = router.layer(StrictLayer).layer(AuditLayer::new(log.log.clone(), "strict"));
    let url = format!("http://{}/mcp", serve(router).await);
    let long = CALL.replace("{}", &format!(r#"{{"a":"{}"}}"#, "x".repeat(3 << 20)));
    assert_eq!(exchange(post(&url, &[], &long)).await, (200, long.len().to_string()));
    let entries = log.wait_for(2).await;
    assert_eq!(entries[0].text(Field::Kind), Some("intent"));
    assert_eq!(detail(&entries[0], "call"), entries[1].id.to_string());
    assert_eq!(entries[1].text(Field::Tool), Some("echo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_answers_503_and_the_server_sees_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = QueueLimits { items: 4, ..QueueLimits::default() };
    let log = Options::new(folder.path()).queue(limits).open().expect("a log");
    let (url, seen) = server(&log).await;
    let (release, held) = mpsc::channel::<()>();
    // The recorder is busy until it is released, so that later events stay in the queue.
    log.record_later(0, move || {
        let _ = held.recv();
        Vec::new()
    })
    .expect("room");
    let event = || Event::new(log.view().now(), Channel::System, Kind::System, OutcomeDetail::Ok);
    while log.record(event()) != Err(RecordError::Full) {
        tokio::task::yield_now().await;
    }
    let response = send(post(&url, &[], CALL)).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    let (status, body) = exchange(post(&url, &[], CALL)).await;
    let error: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &error["id"], &error["error"]["code"]), (503, &7.into(), &(-32_000).into()));
    let message = error["error"]["message"].as_str().expect("a sentence");
    assert!(message.contains("not forwarded") && message.contains("queue is full"), "{message}");
    let (_, body) = exchange(post(&url, &[], r#"[{"id":"a","method":"ping"},{"id":2,"method":"ping"}]"#)).await;
    let errors: Vec<serde_json::Value> = serde_json::from_str(&body).expect("an array");
    assert_eq!(errors.iter().map(|error| error["id"].to_string()).collect::<Vec<_>>(), [r#""a""#, "2"]);
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    drop(release);
    let marker = event();
    while log.record_durably(marker.clone()).await == Err(RecordError::Full) {
        tokio::task::yield_now().await;
    }
    assert_eq!(exchange(post(&url, &[], CALL)).await.0, 200, "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_answers_503_and_the_server_sees_nothing() {
    let log = Log::open();
    let (url, seen) = server(&log.log).await;
    assert_eq!(exchange(post(&url, &[], CALL)).await.0, 200);
    let database = log.folder.path().join("mcp-audit-log.db");
    let aside = log.folder.path().join("aside");
    std::fs::rename(&database, &aside).expect("moved");
    for _ in 0..2 {
        let (status, body) = exchange(post(&url, &[], CALL)).await;
        assert_eq!(status, 503, "{body}");
        assert!(body.contains("not writable") && body.contains("has not seen it"), "{body}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    std::fs::rename(&aside, &database).expect("moved back");
    let stored = log
        .log
        .record_durably(Event::new(log.log.view().now(), Channel::System, Kind::System, OutcomeDetail::Ok))
        .await;
    assert!(matches!(stored, Ok(Stored::At(_))), "{stored:?}");
    assert_eq!(exchange(post(&url, &[], CALL)).await.0, 200);
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn strict_recording_without_the_layer_refuses_every_call() {
    let router = Router::new().route("/mcp", any(async || "seen")).layer(StrictLayer);
    let url = format!("http://{}/mcp", serve(router).await);
    let (status, body) = exchange(post(&url, &[], CALL)).await;
    assert_eq!(status, 500);
    assert!(body.contains("AuditLayer"), "{body}");
}
