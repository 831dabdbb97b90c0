//! Every call is one entry with right values in every field, whatever the size of a body, its speed and the load of the
//! recorder. Lost calls are counted.

use std::convert::Infallible;
use std::sync::mpsc;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::{Request, body::Frame};
use mcp_audit_log::capture::AuditLayer;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::recorder::QueueLimits;
use mcp_audit_log::{AuditLog, Options};
use tower_layer::Layer;
use tower_service::Service;

use crate::support::*;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// A body that comes in pieces of this length.
fn pieces(body: &[u8], length: usize) -> Body {
    let frames: Vec<_> =
        body.chunks(length).map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    Body::new(StreamBody::new(futures_util::stream::iter(frames)))
}

/// Sends a request through the layer, in memory, to a server that reads it and answers.
async fn through(layer: &AuditLayer, request: Body, kind: &'static str, answer: Body) {
    let answer = std::sync::Arc::new(std::sync::Mutex::new(Some(answer)));
    let handler = move |request: axum::extract::Request| async move {
        request.into_body().collect().await.expect("a body");
        let answer = answer.lock().unwrap().take().expect("one request");
        ([("content-type", kind)], answer).into_response()
    };
    let mut server = layer.layer(Router::new().fallback(any(handler)));
    let request = Request::post("/mcp").header("content-type", JSON).body(request).expect("a request");
    let response = server.call(request).await.expect("an answer");
    response.into_body().collect().await.expect("its body");
}

/// Keeps the recorder's thread from reading until it is dropped.
struct Busy(#[allow(dead_code)] mpsc::Sender<()>);

fn keep_busy(log: &AuditLog) -> Busy {
    let ((begun, has_begun), (go, goes)) = (mpsc::channel(), mpsc::channel::<()>());
    let work = move || {
        let _ = begun.send(());
        let _ = goes.recv();
        Vec::new()
    };
    log.record_later(0, work).expect("taken");
    has_begun.recv().expect("begun");
    Busy(go)
}

fn with_queue(limits: QueueLimits) -> Log {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).queue(limits).own_schedule().open().expect("a log");
    Log { log, folder }
}

fn id(entry: &Entry) -> u64 {
    entry.text(Field::RequestId).and_then(|id| id.parse().ok()).expect("an id")
}

/// A call in one of several key orders, with an argument of this length.
fn call(order: usize, id: usize, length: usize) -> String {
    let (fill, method) = ("x".repeat(length), r#""method":"tools/call""#);
    let name = r#""name":"echo""#;
    let arguments = format!(r#""arguments":{{"message":"{fill}"}}"#);
    let (first, last) = (format!(r#""params":{{{name},{arguments}}}"#), format!(r#""params":{{{arguments},{name}}}"#));
    match order % 4 {
        0 => format!(r#"{{{method},{first},"jsonrpc":"2.0","id":{id}}}"#),
        1 => format!(r#"{{"jsonrpc":"2.0","id":{id},{method},{last}}}"#),
        2 => format!(r#"{{{last},"id":{id},"jsonrpc":"2.0",{method}}}"#),
        _ => format!(r#"{}{{"id":{id},{last},{method}}}"#, " ".repeat(length)),
    }
}

fn result(order: usize, id: usize, length: usize) -> String {
    let text = "\\\"isError\\\":true,\\n".repeat(length / 18);
    let content = format!(r#""content":[{{"type":"text","text":"{text}"}}]"#);
    let failed = id % 2 == 1;
    match order % 3 {
        0 => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"isError":{failed},{content}}}}}"#),
        1 => format!(r#"{{"result":{{{content},"isError":{failed}}},"jsonrpc":"2.0","id":{id}}}"#),
        _ => format!(r#"{{"error":null,"id":{id},"result":{{{content},"isError":{failed}}}}}"#),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_any_size_and_order_is_one_entry_under_load() {
    for payloads in [false, true] {
        let log = Log::open();
        log.keep_payloads(payloads).await;
        let layer = AuditLayer::new(log.log.clone(), "s");
        let busy = keep_busy(&log.log);
        let mut sent = Vec::new();
        for (size, piece) in [(10_000, 1_000), (1_500_000, 900_000), (1_500_000, 16 << 10), (6_000_000, 6_100_000)] {
            for order in 0..4 {
                let at = sent.len();
                let (request, mut answer) = (call(order, at, size), result(order, at, size));
                let kind = if at % 2 == 0 { JSON } else { EVENTS };
                if kind == EVENTS {
                    answer = format!("event: message\ndata: {answer}\n\n");
                }
                sent.push((request.len(), answer.len()));
                let (request, answer) = (pieces(request.as_bytes(), piece), pieces(answer.as_bytes(), piece));
                through(&layer, request, kind, answer).await;
            }
        }
        drop(busy);
        let entries = log.wait_for(sent.len()).await;
        for (entry, (request, answer)) in entries.iter().zip(&sent) {
            let at = id(entry);
            let detail = if at % 2 == 1 { "tool-error" } else { "ok" };
            assert_eq!(line(entry), format!("request tools/call echo {detail} 200"), "call {at}");
            let lengths = (entry.request_bytes, entry.response_bytes);
            assert_eq!(lengths, (Some(*request as u64), Some(*answer as u64)), "call {at}");
            assert_eq!((entry.has_payload, entry.details.get("truncated")), (payloads, None), "call {at}");
        }
        assert!(entries.iter().map(id).eq(0..sent.len() as u64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_a_batch_is_recorded_beside_a_large_one() {
    let log = Log::open();
    let layer = AuditLayer::new(log.log.clone(), "s");
    let batch = format!("[{},{},{}]", call(0, 0, 3_000_000), call(1, 1, 10), call(3, 2, 1_500_000));
    let answers = format!("[{},{},{}]", result(0, 2, 10), result(1, 0, 2_000_000), result(2, 1, 10));
    through(&layer, pieces(batch.as_bytes(), 64 << 10), JSON, pieces(answers.as_bytes(), 64 << 10)).await;
    let entries = log.wait_for(3).await;
    assert_eq!(
        lines(&entries),
        ["request tools/call echo ok 200", "request tools/call echo tool-error 200", "request tools/call echo ok 200"]
    );
    assert!(entries.iter().map(id).eq(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn under_pressure_bodies_are_dropped_and_entries_stay() {
    let log = with_queue(QueueLimits { items: 1_000, bytes: 1 << 20 });
    log.keep_payloads(true).await;
    let layer = AuditLayer::new(log.log.clone(), "s");
    let busy = keep_busy(&log.log);
    let calls = (0..64).map(|at| {
        let layer = layer.clone();
        tokio::spawn(async move {
            let (request, answer) = (call(at, at, 100), result(at, at, 900_000));
            through(&layer, pieces(request.as_bytes(), 1_000), JSON, pieces(answer.as_bytes(), 900_000)).await;
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("done");
    }
    let captured = &log.log.recorder().gauges().captured;
    assert!(captured.held() <= 1 << 20, "what capture holds is bounded: {}", captured.held());
    drop(busy);
    let entries = log.wait_for(64).await;
    let mut ids: Vec<_> = entries.iter().map(id).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..64));
    for entry in &entries {
        let detail = if id(entry) % 2 == 1 { "tool-error" } else { "ok" };
        assert_eq!(line(entry), format!("request tools/call echo {detail} 200"));
        assert_eq!(entry.response_bytes, Some(result(id(entry) as usize, id(entry) as usize, 900_000).len() as u64));
    }
    let notes = entries.iter().map(|entry| {
        let (_, payload) = log.log.read_payload(&log.access(), entry.id).expect("read").expect("a payload");
        payload.notes
    });
    assert!(notes.into_iter().all(|notes| notes["response_truncated"] == true));
    assert_eq!(captured.held(), 0, "all of it was given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_counted_in_calls() {
    let log = with_queue(QueueLimits { items: 8, bytes: 1 << 20 });
    let layer = AuditLayer::new(log.log.clone(), "s");
    let busy = keep_busy(&log.log);
    for at in 0..20 {
        let calls: Vec<_> = (0..10).map(|call_at| call(call_at, at * 10 + call_at, 20)).collect();
        through(&layer, pieces(format!("[{}]", calls.join(",")).as_bytes(), 100), JSON, Body::from("[]")).await;
    }
    drop(busy);
    // What the test itself records would be lost as well, and counted, while the queue is full.
    while log.log.recorder().gauges().waiting.load(std::sync::atomic::Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }
    let entries = log.wait_for(80).await;
    assert!(entries.iter().map(id).eq(0..80), "the first eight batches had room");
    log.log.close();
    let again =
        Log { log: Options::new(log.folder.path()).open().expect("again"), folder: tempfile::tempdir().unwrap() };
    let access = again.access();
    let page = again.log.view().reader(&access).page(mcp_audit_log::filter::Domain::TRUE, None, 500).expect("a page");
    let gaps = page.entries.iter().filter(|entry| entry.text(Field::Method) == Some("log.gap"));
    let told: u64 = gaps.filter_map(|gap| gap.details["dropped"].as_u64()).sum();
    assert_eq!(told, 120, "and each call of the other twelve is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_never_block_other_calls() {
    let log = with_queue(QueueLimits { items: 4, bytes: 1 << 20 });
    let layer = AuditLayer::new(log.log.clone(), "s");
    let handler = || async { ([("content-type", EVENTS)], Body::new(http_body_util::Empty::new())).into_response() };
    let mut open = Vec::new();
    for _ in 0..20 {
        // Begun, and not over: its answer was not read.
        let mut server = layer.layer(Router::new().fallback(any(handler)));
        let request = Request::post("/mcp").body(Body::from(call(0, 1, 10))).expect("a request");
        open.push(server.call(request));
    }
    through(&layer, pieces(call(0, 7, 10).as_bytes(), 100), JSON, Body::from(result(0, 7, 10))).await;
    assert_eq!(log.wait_for(1).await.first().map(id), Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_request_is_marked_and_kept() {
    let log = Log::open();
    log.keep_payloads(true).await;
    let layer = AuditLayer::new(log.log.clone(), "s");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wide"}}"#;
    let wide: Vec<u8> = call.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &wide].concat();
    let big_endian: Vec<u8> = call.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let capital = br#"{"JSONRPC":"2.0","ID":1,"Method":"tools/call","Params":{"Name":"capital"}}"#;
    let quotes = b"{'jsonrpc':'2.0','id':1,'method':'tools/call'}";
    let bodies: [&[u8]; 7] = [&wide, &marked, &big_endian, capital, b"[]", quotes, b"[[{\"method\":\"x\"}]]"];
    let answers =
        [(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "ok"), (r#"{"id":1,"result":{"isError":true}}"#, "tool-error")];
    for (answer, _) in answers {
        for body in bodies {
            through(&layer, pieces(body, 7), JSON, Body::from(answer)).await;
        }
    }
    let entries = log.wait_for(2 * bodies.len()).await;
    for (at, entry) in entries.iter().enumerate() {
        let (answer, detail) = answers[at / bodies.len()];
        assert_eq!(line(entry), format!("http POST - {detail} 200"), "{at}");
        assert_eq!(entry.details["unreadable_request"], true);
        if detail == "ok" {
            let told = (entry.text(Field::ErrorType), entry.text(Field::ErrorMessage));
            assert_eq!(told, (Some("unreadable_request"), Some("The request could not be read")));
        }
        let (_, payload) = log.log.read_payload(&log.access(), entry.id).expect("read").expect("a payload");
        let body = String::from_utf8_lossy(bodies[at % bodies.len()]).into_owned();
        assert_eq!((payload.request, payload.response.as_deref()), (Some(body), Some(answer)), "{at}");
    }
}
