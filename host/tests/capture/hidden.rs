//! Hostile or invalid messages: they do not hide a call, and do not make a failure a success.

use http_body_util::BodyExt;
use mcp_audit_log::field::Field;

use crate::prepared_answers::*;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_result_after_the_cancellation_is_a_separate_entry() {
    let log = Log::open();
    log.keep_payloads(true).await;
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(202, JSON, "")]).await;
    let mut held = send(post(&url, &[SESSION], &call("7", "wipe"))).await.into_body();
    sender.send(": on it\n\n").await.unwrap();
    next(&mut held).await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    exchange(post(&url, &[SESSION], cancel)).await;
    log.wait_for(2).await;
    sender.send("data: {\"id\":7,\"result\":{\"content\":[]}}\n\n").await.unwrap();
    drop(sender);
    while held.frame().await.is_some() {}
    let entries = log.wait_for(3).await;
    assert_eq!(
        lines(&entries),
        [
            "notification notifications/cancelled - accepted 202",
            "request tools/call wipe cancelled 200",
            "late-answer tools/call wipe ok 200",
        ]
    );
    let late = &entries[2];
    assert_eq!((late.parent, late.text(Field::RequestId)), (Some(entries[1].id), Some("7")));
    assert_eq!(late.details["after_cancel"], true);
    assert!(late.duration_us >= entries[1].duration_us && late.has_payload);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_recorded_whatever_its_id() {
    let log = Log::open();
    let failed = r#"{"id":1,"result":{"isError":true}}"#;
    let long = format!("\"{}\"", "x".repeat(5_000));
    let ids = ["null", "{}", "[1]", &long, "1,\"id\":null"];
    let mut answers: Vec<_> = ids.iter().map(|_| answer(200, JSON, failed)).collect();
    answers.push(answer(200, JSON, failed));
    answers.push(answer(200, JSON, r#"[{"id":1,"result":{}},{"id":2,"result":{}}]"#));
    let url = server(&log, answers).await;
    for id in ids {
        exchange(post(&url, &[], &call(id, "odd"))).await;
    }
    exchange(post(&url, &[], r#"{"method":"tools/call","params":{"name":"told"}}"#)).await;
    exchange(post(&url, &[], &format!("[{},{}]", call("null", "a"), call("2", "b")))).await;
    let entries = log.wait_for(ids.len() + 3).await;
    let mut expected = vec!["request tools/call odd tool-error 200"; ids.len()];
    expected.push("notification tools/call told tool-error 200");
    expected.extend(["request tools/call a unknown 200", "request tools/call b ok 200"]);
    assert_eq!(lines(&entries), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_recorded_despite_a_misleading_header() {
    let log = Log::open();
    let headers = [
        ("content-type", "text/event-stream; application/json"),
        ("content-type", "application/x-ndjson"),
        ("content-encoding", "rot13"),
        ("content-encoding", "gzip"),
        ("content-encoding", "br"),
    ];
    let answers = (0..=headers.len()).map(|_| answer(200, JSON, r#"{"id":1,"result":{}}"#)).collect();
    let url = server(&log, answers).await;
    for (name, value) in headers {
        let mut request = post(&url, &[], &(call("1", "hidden") + "\n"));
        request.headers_mut().insert(name, value.parse().unwrap());
        exchange(request).await;
    }
    exchange(post(&url, &[("mcp-method", "tools/call"), ("mcp-name", "x")], "not understood")).await;
    let mut expected = vec!["request tools/call hidden ok 200"; headers.len()];
    // The request may have been anything: the answer decides the outcome, and the entry also says that the request was
    // unreadable.
    expected.push("request tools/call x ok 200");
    let entries = log.wait_for(headers.len() + 1).await;
    assert_eq!(lines(&entries), expected);
    assert_eq!(entries[headers.len()].text(Field::ErrorType), Some("unreadable_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_event_needs_no_blank_line() {
    let log = Log::open();
    let url = server(&log, vec![answer(200, EVENTS, "data: {\"id\":1,\"result\":{}}\n")]).await;
    exchange(post(&url, &[], &call("1", "brief"))).await;
    assert_eq!(lines(&log.wait_for(1).await), ["request tools/call brief ok 200"]);
}
