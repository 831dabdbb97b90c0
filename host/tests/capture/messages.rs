//! The layer on real sockets, in front of a server with prepared answers: which messages become which entries.

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use mcp_audit_log::capture::AuditLayer;
use mcp_audit_log::field::Field;

use crate::prepared_answers::*;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_from_its_beginning_to_its_end() {
    let log = Log::open();
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"cli","version":"1.2"}}}"#;
    let initialized = "id: 1\ndata: \n\nevent: message\nid: 2\ndata: {\"result\":{\"protocolVersion\":\"2025-06-18\",\"serverInfo\":{\"name\":\"every\"}},\"jsonrpc\":\"2.0\",\"id\":0}\n\n";
    let url = server(
        &log,
        vec![
            answer(200, EVENTS, initialized).with(SESSION.0, SESSION.1),
            answer(202, JSON, ""),
            answer(
                200,
                EVENTS,
                "data: {\"result\":{\"content\":[{\"text\":\"MCP error -32602: no\"}],\"isError\":true},\"id\":1}\n\n",
            ),
            answer(
                200,
                EVENTS,
                "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}\n\n",
            ),
            answer(200, JSON, ""),
            answer(
                400,
                JSON,
                r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}"#,
            ),
            answer(400, JSON, r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#),
            answer(415, JSON, "{}"),
        ],
    )
    .await;
    exchange(post(&url, &[], initialize)).await;
    log.wait_for(1).await;
    exchange(post(&url, &[SESSION], r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)).await;
    exchange(post(&url, &[SESSION], &call("1", "nope"))).await;
    exchange(post(&url, &[SESSION], r#"{"jsonrpc":"2.0","id":1,"method":"foo/bar"}"#)).await;
    exchange(with_method("DELETE", &url, &[SESSION])).await;
    log.wait_for(5).await;
    exchange(post(&url, &[SESSION], &call("1", "late"))).await;
    exchange(post(&url, &[SESSION], r#"{"jsonrpc":"2.0","id":1,"#)).await;
    exchange(post(&url, &[SESSION], "hi")).await;
    let entries = log.wait_for(8).await;
    assert_eq!(
        lines(&entries),
        [
            "request initialize - ok 200",
            "notification notifications/initialized - accepted 202",
            "request tools/call nope tool-error 200",
            "request foo/bar - rpc-error 200",
            "session DELETE - ok 200",
            "request tools/call late rejected 400",
            "http POST - rejected 400",
            "http POST - rejected 415",
        ]
    );
    for entry in &entries[..5] {
        assert_eq!(
            (entry.text(Field::ClientName), entry.text(Field::ClientVersion)),
            (Some("cli"), Some("1.2")),
            "{}",
            line(entry)
        );
        assert_eq!(entry.text(Field::ProtocolVersion), Some("2025-06-18"));
        assert_eq!((entry.text(Field::User), entry.text(Field::Server)), (Some("anna"), Some("s")));
    }
    let session = entries[0].text(Field::Session).expect("a session");
    assert!(session.starts_with("5e55-") && entries.iter().all(|entry| entry.text(Field::Session) == Some(session)));
    assert!(!contains(&log.files(), SESSION.1));
    assert_eq!(entries[0].details["server_name"], "every");
    assert_eq!(
        (entries[3].text(Field::ErrorType), entries[3].text(Field::ErrorMessage)),
        (Some("-32601"), Some("Method not found"))
    );
    assert_eq!(entries[5].text(Field::ErrorMessage), Some("Bad request: Server error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_is_recorded_once_although_its_stream_stays_open() {
    let log = Log::open();
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(202, JSON, "")]).await;
    let mut held = send(post(&url, &[SESSION], &call("17", "slow"))).await.into_body();
    sender.send(": on it\n\n").await.unwrap();
    next(&mut held).await;
    exchange(post(
        &url,
        &[SESSION],
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":17,"reason":"CANARY"}}"#,
    ))
    .await;
    // The stream is still open.
    let expected = ["notification notifications/cancelled - accepted 202", "request tools/call slow cancelled 200"];
    assert_eq!(lines(&log.wait_for(2).await), expected);
    drop(sender);
    assert!(held.frame().await.is_none());
    assert_eq!(lines(&log.wait_for(2).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_another_session_cannot_be_cancelled() {
    let log = Log::open();
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(202, JSON, ""), answer(404, JSON, "{}")]).await;
    let mut held = send(post(&url, &[SESSION], &call("1", "slow"))).await.into_body();
    sender.send(": on it\n\n").await.unwrap();
    next(&mut held).await;
    let cancel = r#"{"method":"notifications/cancelled","params":{"requestId":1}}"#;
    exchange(post(&url, &[("mcp-session-id", "other")], cancel)).await;
    exchange(post(&url, &[SESSION], cancel)).await;
    sender.send("data: {\"id\":1,\"result\":{}}\n\n").await.unwrap();
    drop(sender);
    while held.frame().await.is_some() {}
    assert_eq!(
        lines(&log.wait_for(3).await),
        [
            "notification notifications/cancelled - accepted 202",
            "notification notifications/cancelled - rejected 404",
            "request tools/call slow ok 200",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_request_and_its_answer_are_one_entry() {
    let log = Log::open();
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(202, JSON, ""), answer(202, JSON, "")]).await;
    // The client's request and the server's have the same id.
    let mut held = send(post(&url, &[SESSION], &call("1", "ask"))).await.into_body();
    sender.send("data: {\"method\":\"elicitation/create\",\"params\":{\"message\":\"CANARY?\"},\"jsonrpc\":\"2.0\",\"id\":1}\n\n").await.unwrap();
    next(&mut held).await;
    exchange(post(&url, &[SESSION], r#"{"jsonrpc":"2.0","id":1,"result":{"action":"decline"}}"#)).await;
    exchange(post(&url, &[SESSION], r#"{"jsonrpc":"2.0","id":9,"error":{"code":-32601,"message":"?"}}"#)).await;
    sender.send("data: {\"result\":{\"content\":[]},\"jsonrpc\":\"2.0\",\"id\":1}\n\n").await.unwrap();
    drop(sender);
    while held.frame().await.is_some() {}
    let entries = log.wait_for(3).await;
    assert_eq!(
        lines(&entries),
        [
            "server-request elicitation/create - ok 202",
            "server-request - - rpc-error 202",
            "request tools/call ask ok 200",
        ]
    );
    assert_eq!(entries[0].parent, Some(entries[2].id));
    assert!(entries[0].duration_us.is_some() && entries[0].text(Field::RequestId) == Some("1"));
    assert_eq!(entries[1].details["unmatched"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_server_request_is_recorded_at_the_end_of_its_call() {
    let log = Log::open();
    let asks = "data: {\"method\":\"sampling/createMessage\",\"id\":7}\n\ndata: {\"result\":{},\"id\":1}\n\n";
    let url = server(&log, vec![answer(200, EVENTS, asks)]).await;
    exchange(post(&url, &[SESSION], &call("1", "ask"))).await;
    let entries = log.wait_for(2).await;
    assert_eq!(
        lines(&entries),
        ["server-request sampling/createMessage - incomplete 200", "request tools/call ask ok 200"]
    );
    assert_eq!((entries[0].parent, &entries[1].details["server_requests"]), (Some(entries[1].id), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_entry_for_each_element() {
    let log = Log::open();
    let batch =
        format!(r#"[{},{{"method":"notifications/x"}},{},{}]"#, call("1", "a"), call("\"1\"", "b"), call("3", "c"));
    let url = server(&log, vec![
        answer(200, JSON, r#"[{"id":"1","result":{"isError":true}},{"result":{},"id":1}]"#),
        answer(200, EVENTS, "data: {\"id\":3,\"result\":{}}\n\ndata: {\"id\":1,\"result\":{}}\n\ndata: {\"id\":\"1\",\"error\":{\"code\":1}}\n\n"),
    ])
    .await;
    for _ in 0..2 {
        exchange(post(&url, &[], &batch)).await;
    }
    assert_eq!(
        lines(&log.wait_for(8).await),
        [
            "request tools/call a ok 200",
            "notification notifications/x - accepted 200",
            "request tools/call b tool-error 200",
            "request tools/call c incomplete 200",
            "request tools/call a ok 200",
            "notification notifications/x - accepted 200",
            "request tools/call b rpc-error 200",
            "request tools/call c ok 200",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_stream_is_recorded_when_it_opens_and_when_it_closes() {
    let log = Log::open();
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(405, JSON, "")]).await;
    let mut held = send(get(&url, &[SESSION, ("last-event-id", "7")])).await.into_body();
    assert_eq!(lines(&log.wait_for(1).await), ["stream GET - ok 200"]);
    let note = "data: {\"method\":\"notifications/message\",\"params\":{\"data\":\"CANARY\"}}\n\ndata: {}\n\ndata: {\"result\":{},\"id\":14}\n\n";
    // More than waits to be read at a time.
    let many = Box::leak(note.repeat(2_000).into_boxed_str());
    sender.send(many).await.unwrap();
    let mut received = 0;
    while received < many.len() {
        received += next(&mut held).await.len();
    }
    drop(held);
    // The server notices in its own time that its client is gone.
    log.wait_for(2).await;
    exchange(get(&url, &[])).await;
    let entries = log.wait_for(3).await;
    assert_eq!(lines(&entries), ["stream GET - ok 200", "stream GET - ok 200", "http GET - rejected 405"]);
    assert_eq!((&entries[0].details["phase"], &entries[1].details["phase"]), (&"opened".into(), &"closed".into()));
    assert_eq!(entries[0].details["resumed"], true);
    assert_eq!(entries[1].parent, Some(entries[0].id));
    assert_eq!((&entries[1].details["notifications"], &entries[1].details["answers"]), (&2_000.into(), &2_000.into()));
    assert!(!contains(&log.files(), "CANARY"));
}

/// A call of the stateless protocol.
fn stateless(url: &str, id: u32, tool: &str, name: &str, more: &str) -> hyper::Request<Full<Bytes>> {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"new","version":"3"},"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}},{more}{meta}}}}}"#
    );
    post(url, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", name)], &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stateless_protocol_is_understood() {
    let log = Log::open();
    let url = server(
        &log,
        vec![
            answer(
                200,
                JSON,
                r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false,"resultType":"complete"}}"#,
            ),
            answer(400, JSON, r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32020,"message":"mismatch"}}"#),
            answer(404, JSON, r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"?"}}"#),
            answer(
                200,
                JSON,
                r#"{"jsonrpc":"2.0","id":4,"result":{"requestState":"v1.abc","resultType":"input_required"}}"#,
            ),
            answer(200, JSON, r#"{"jsonrpc":"2.0","id":5,"result":{"resultType":"complete"}}"#),
            answer(200, JSON, r#"{"jsonrpc":"2.0","id":6,"result":{"resultType":"task","taskId":"t1"}}"#),
            answer(200, JSON, r#"{"jsonrpc":"2.0","id":7,"result":{"taskId":"t1","status":"working"}}"#),
        ],
    )
    .await;
    exchange(stateless(&url, 1, "echo", "=?base64?ZWNobw==?=", "")).await;
    exchange(stateless(&url, 2, "echo", "other", "")).await;
    exchange(stateless(&url, 3, "echo", "echo", "")).await;
    exchange(stateless(&url, 4, "ask", "ask", "")).await;
    exchange(stateless(&url, 5, "ask", "ask", r#""requestState":"v1.abc","#)).await;
    exchange(stateless(&url, 6, "long", "long", "")).await;
    exchange(post(&url, &[], r#"{"jsonrpc":"2.0","id":7,"method":"tasks/get","params":{"taskId":"t1"}}"#)).await;
    let entries = log.wait_for(7).await;
    assert_eq!(
        lines(&entries),
        [
            "request tools/call echo ok 200",
            "request tools/call echo rejected 400",
            "request tools/call echo rejected 404",
            "request tools/call ask input-required 200",
            "request tools/call ask ok 200",
            "request tools/call long task-created 200",
            "request tasks/get - ok 200",
        ]
    );
    assert_eq!(entries[0].text(Field::ClientName), Some("new"));
    assert_eq!(entries[0].text(Field::TraceId), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert!(!entries[0].details.contains_key("header_mismatch") && entries[1].details["header_mismatch"] == true);
    assert_eq!(entries[4].details["retry_of"], entries[3].id.to_string());
    assert_eq!(entries[6].details["task_of"], entries[5].id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_answers_are_read() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(br#"{"id":1,"result":{"isError":true}}"#).unwrap();
    let log = Log::open();
    let url = server(&log, vec![answer(200, JSON, gzip.finish().unwrap()).with("content-encoding", "gzip")]).await;
    exchange(post(&url, &[], &call("1", "zip"))).await;
    assert_eq!(lines(&log.wait_for(1).await), ["request tools/call zip tool-error 200"]);
}

const SECRET_CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"CANARY-argument"}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn no_body_is_kept_while_payload_logging_is_off() {
    let log = Log::open();
    let url = server(&log, vec![
        answer(200, JSON, r#"{"id":1,"result":{"content":[{"text":"CANARY-result"}],"_meta":{"x":"CANARY-meta"}}}"#),
        answer(200, EVENTS, "data: {\"id\":1,\"error\":{\"code\":-32602,\"message\":\"CANARY-error\",\"data\":\"CANARY-data\"}}\n\n"),
        answer(400, JSON, r#"{"error":"CANARY-http"}"#),
        answer(500, "text/plain", "CANARY-plain"),
    ])
    .await;
    for _ in 0..2 {
        exchange(post(&url, &[], SECRET_CALL)).await;
    }
    exchange(post(&format!("{url}?key=CANARY-query"), &[], "{\"CANARY-broken\":")).await;
    exchange(post(
        &url,
        &[],
        r#"{"id":1,"method":"resources/read","params":{"uri":"x://CANARY-user@host/p?CANARY-q#CANARY-f"}}"#,
    ))
    .await;
    let entries = log.wait_for(4).await;
    assert!(entries.iter().all(|entry| !entry.has_payload && !format!("{entry:?}").contains("CANARY")), "{entries:#?}");
    assert!(!contains(&log.files(), "CANARY") && contains(&log.files(), "tools/call"));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_messages_are_kept_while_payload_logging_is_on() {
    let log = Log::open();
    log.keep_payloads(true).await;
    let result = r#"{"id":1,"result":{"content":[{"text":"CANARY-result"}]}}"#;
    let url = server(&log, vec![answer(200, EVENTS, format!("event: message\nid: 7\ndata: {result}\n\n"))]).await;
    exchange(post(&url, &[], SECRET_CALL)).await;
    let entry = log.wait_for(1).await.remove(0);
    assert!(entry.has_payload);
    let (log, access) = (log.log.clone(), log.access());
    let read = tokio::task::spawn_blocking(move || log.read_payload(&access, entry.id));
    let (_, payload) = read.await.unwrap().expect("readable").expect("kept");
    assert_eq!((payload.request.as_deref(), payload.response.as_deref()), (Some(SECRET_CALL), Some(result)));
}

/// Some servers ignore case, and execute the other one.
#[tokio::test]
async fn a_call_with_keys_that_differ_only_in_case_is_marked() {
    let log = Log::open();
    let router = Router::new().route("/mcp", any(|_: String| async { r#"{"jsonrpc":"2.0","id":1,"result":{}}"# }));
    let url = format!("http://{}/mcp", serve(router.layer(AuditLayer::new(log.log.clone(), "it"))).await);
    for method in ["Method", "other"] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","{method}":"tools/call"}}"#);
        assert_eq!(exchange(post(&url, &[], &call)).await.0, 200);
    }
    let entries = log.wait_for(2).await;
    let marks: Vec<_> = entries.iter().map(|entry| entry.details.contains_key("ambiguous_keys")).collect();
    assert_eq!((lines(&entries)[0].as_str(), marks), ("request tools/list - ok 200", vec![true, false]));
}
