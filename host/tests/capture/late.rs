//! Related messages in separate exchanges: late answers, cancelled calls, and clients that only an earlier exchange
//! identified.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::reader::UsageQuery;

use crate::prepared_answers::*;
use crate::support::*;

const PRIMING: &str = "id: e1\nretry: 10\ndata: \n\n";
const LATE: &str = "id: e2\ndata: {\"jsonrpc\":\"2.0\",\"id\":42,\"result\":{\"content\":[],\"isError\":true}}\n\n";
const CANCEL: &str = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;

fn resume(url: &str, from: &'static str) -> hyper::Request<http_body_util::Full<bytes::Bytes>> {
    get(url, &[SESSION, ("last-event-id", from)])
}

/// Requests and errors that usage counts.
async fn counted(log: &Log) -> (u64, u64) {
    let (log, access) = (log.log.clone(), log.access());
    let now = log.view().now();
    let query = UsageQuery::over(now.plus(-3_600_000_000)..now.plus(1));
    let usage =
        tokio::task::spawn_blocking(move || log.view().reader(&access).usage(query)).await.unwrap().expect("usage");
    (usage.totals.stats.requests, usage.totals.stats.errors)
}

async fn drain(mut body: Incoming) {
    while body.frame().await.is_some() {}
}

fn of<'a>(entries: &'a [Entry], kind: &str) -> Vec<&'a Entry> {
    entries.iter().filter(|entry| entry.text(Field::Kind) == Some(kind)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_answer_is_linked_to_its_call_and_counts_once() {
    let log = Log::open();
    log.keep_payloads(true).await;
    let (sender, body) = stream();
    let answers = vec![
        answer(200, EVENTS, PRIMING),
        answer(200, EVENTS, "id: e1b\nretry: 10\ndata: \n\n"),
        answer(200, EVENTS, body),
        answer(200, EVENTS, LATE),
    ];
    let url = server(&log, answers).await;
    exchange(post(&url, &[SESSION], &call("42", "slow"))).await;
    assert_eq!(lines(&log.wait_for(1).await), ["request tools/call slow deferred 200"]);
    assert_eq!(counted(&log).await, (0, 0));
    // Polled once more before the answer is there.
    exchange(resume(&url, "e1")).await;
    log.wait_for(3).await;
    let mut held = send(resume(&url, "e1b")).await.into_body();
    sender.send(LATE).await.unwrap();
    next(&mut held).await;
    // The stream is still open.
    let entries = log.wait_for(5).await;
    let calls = of(&entries, "request");
    assert_eq!(line(calls[1]), "request tools/call slow tool-error 200");
    assert_eq!((calls[1].parent, calls[1].text(Field::RequestId)), (Some(calls[0].id), Some("42")));
    assert_eq!(calls[0].text(Field::Outcome), Some("pending"));
    assert!(calls[1].duration_us > calls[0].duration_us && calls[1].has_payload);
    drop(sender);
    drain(held).await;
    // A stream that is resumed again repeats its events.
    exchange(resume(&url, "e1")).await;
    assert_eq!(of(&log.wait_for(8).await, "request").len(), 2);
    assert_eq!(counted(&log).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_distinguished_from_others_with_its_id() {
    let log = Log::open();
    let late =
        |event: &str, error: bool| format!("id: {event}\ndata: {{\"id\":1,\"result\":{{\"isError\":{error}}}}}\n\n");
    let answers = vec![
        answer(200, EVENTS, "id: a1\ndata:\n\n"),
        answer(200, EVENTS, "id: b1\ndata:\n\n"),
        answer(200, EVENTS, late("b2", true)),
        answer(200, EVENTS, late("a2", false)),
        answer(200, EVENTS, late("a2", false)),
    ];
    let url = server(&log, answers).await;
    exchange(post(&url, &[SESSION], &call("1", "a"))).await;
    exchange(post(&url, &[SESSION], &call("1", "b"))).await;
    log.wait_for(2).await;
    exchange(resume(&url, "b1")).await;
    log.wait_for(5).await;
    // Another caller cannot claim this answer.
    exchange(get(&url, &[SESSION, ("last-event-id", "a1"), (CALLER, "bert")])).await;
    assert_eq!(of(&log.wait_for(7).await, "request").len(), 3);
    exchange(resume(&url, "a1")).await;
    let entries = log.wait_for(10).await;
    let calls = of(&entries, "request");
    let told: Vec<_> = calls.iter().map(|call| line(call)).collect();
    assert_eq!(told[2..], ["request tools/call b tool-error 200", "request tools/call a ok 200"]);
    assert_eq!((calls[2].parent, calls[3].parent), (Some(calls[1].id), Some(calls[0].id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_comes_is_recorded_at_the_end_of_the_session() {
    let log = Log::open();
    let answers =
        vec![answer(200, EVENTS, PRIMING), answer(200, EVENTS, PRIMING), answer(202, JSON, ""), answer(200, JSON, "")];
    let url = server(&log, answers).await;
    exchange(post(&url, &[SESSION], &call("7", "stopped"))).await;
    exchange(post(&url, &[SESSION], &call("8", "forgotten"))).await;
    log.wait_for(2).await;
    exchange(post(&url, &[SESSION], CANCEL)).await;
    log.wait_for(4).await;
    exchange(with_method("DELETE", &url, &[SESSION])).await;
    let entries = log.wait_for(6).await;
    assert_eq!(
        lines(&entries),
        [
            "request tools/call stopped deferred 200",
            "request tools/call forgotten deferred 200",
            "request tools/call stopped cancelled -",
            "notification notifications/cancelled - accepted 202",
            "request tools/call forgotten incomplete -",
            "session DELETE - ok 200",
        ]
    );
    assert_eq!((entries[2].parent, entries[4].parent), (Some(entries[0].id), Some(entries[1].id)));
    assert_eq!(counted(&log).await, (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_an_interrupted_call_does_not_count_again() {
    let log = Log::open();
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(200, EVENTS, LATE)]).await;
    let mut held = send(post(&url, &[SESSION], &call("42", "slow"))).await.into_body();
    sender.send(PRIMING).await.unwrap();
    next(&mut held).await;
    drop(held);
    log.wait_for(1).await;
    exchange(resume(&url, "e1")).await;
    let entries = log.wait_for(4).await;
    assert_eq!(line(&entries[0]), "request tools/call slow client-closed 200");
    let late = of(&entries, "late-answer");
    assert_eq!(
        (line(late[0]), late[0].parent),
        ("late-answer tools/call slow tool-error 200".into(), Some(entries[0].id))
    );
    assert_eq!(counted(&log).await, (1, 1));
}

/// Answers to a cancelled call: the one in the specification, and the one of an SDK.
const CANCELLED: [&str; 2] = [
    "data: {\"id\":7,\"error\":{\"code\":-32800,\"message\":\"cancelled\"}}\n\n",
    "data: {\"id\":7,\"error\":{\"code\":0,\"message\":\"Request cancelled\"}}\n\n",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_is_one_entry_whichever_message_ends_first() {
    let log = Log::open();
    let mut count = 0;
    for round in 0..50 {
        let (call_sender, call_body) = stream();
        let (cancel_sender, cancel_body) = stream();
        let url = server(&log, vec![answer(200, EVENTS, call_body), answer(202, JSON, cancel_body)]).await;
        let mut held = send(post(&url, &[SESSION], &call("7", "slow"))).await.into_body();
        call_sender.send(": on it\n\n").await.unwrap();
        next(&mut held).await;
        let cancelling = send(post(&url, &[SESSION], CANCEL)).await.into_body();
        let mut ends = [Some((cancel_sender, cancelling)), None];
        call_sender.send(CANCELLED[round / 2 % 2]).await.unwrap();
        ends[1] = Some((call_sender, held));
        if round % 2 == 1 {
            ends.reverse();
        }
        for (sender, body) in ends.into_iter().flatten() {
            drop(sender);
            drain(body).await;
        }
        count += 2;
        let entries = log.wait_for(count).await;
        let call = of(&entries[count - 2..], "request")[0];
        assert_eq!(line(call), "request tools/call slow cancelled 200", "round {round}");
        assert_eq!((&call.details["answer"], &call.details["answer_code"].is_number()), (&"rpc-error".into(), &true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_answered_before_its_cancellation_is_answered() {
    let log = Log::open();
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(202, JSON, "")]).await;
    let mut held = send(post(&url, &[SESSION], &call("7", "quick"))).await.into_body();
    sender.send("data: {\"id\":7,\"result\":{}}\n\n").await.unwrap();
    next(&mut held).await;
    exchange(post(&url, &[SESSION], CANCEL)).await;
    log.wait_for(1).await;
    drop(sender);
    drain(held).await;
    assert_eq!(
        lines(&log.wait_for(2).await),
        ["notification notifications/cancelled - accepted 202", "request tools/call quick ok 200"]
    );
}

const INITIALIZE: &str = r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"cli","version":"1.2"}}}"#;
const INITIALIZED: &str = r#"{"id":0,"result":{"protocolVersion":"2025-06-18"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_session_is_known_by_its_caller_and_its_user_agent() {
    let log = Log::open();
    let done = || answer(200, JSON, r#"{"id":1,"result":{}}"#);
    let url = server(&log, vec![answer(200, JSON, INITIALIZED), done(), done(), done(), done()]).await;
    exchange(post(&url, &[], INITIALIZE)).await;
    log.wait_for(1).await;
    exchange(post(&url, &[], &call("1", "own"))).await;
    exchange(post(&url, &[(CALLER, "bert")], &call("1", "other caller"))).await;
    let mut other = post(&url, &[], &call("1", "other agent"));
    other.headers_mut().insert("user-agent", "other/1".parse().unwrap());
    exchange(other).await;
    // A session without its beginning, as after a restart.
    exchange(post(&url, &[SESSION], &call("1", "session"))).await;
    let entries = log.wait_for(5).await;
    let known: Vec<_> = entries[1..]
        .iter()
        .map(|entry| [Field::ClientName, Field::ClientVersion, Field::ProtocolVersion].map(|field| entry.text(field)))
        .collect();
    let all = [Some("cli"), Some("1.2"), Some("2025-06-18")];
    assert_eq!(known, [all, [None; 3], [None; 3], all]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_of_a_session_names_its_client() {
    let log = Log::open();
    let (sender, body) = stream();
    let answers = vec![
        answer(200, JSON, INITIALIZED).with(SESSION.0, SESSION.1),
        answer(200, JSON, INITIALIZED),
        answer(200, EVENTS, body),
        answer(200, JSON, ""),
    ];
    let url = server(&log, answers).await;
    exchange(post(&url, &[], INITIALIZE)).await;
    log.wait_for(1).await;
    // Another client with the same token and user agent, so that only the session identifies it.
    exchange(post(&url, &[], &INITIALIZE.replace("\"cli\"", "\"other\""))).await;
    log.wait_for(2).await;
    let held = send(get(&url, &[SESSION])).await.into_body();
    exchange(with_method("DELETE", &url, &[SESSION])).await;
    log.wait_for(4).await;
    drop(sender);
    drain(held).await;
    let mut entries = log.wait_for(5).await;
    assert_eq!(entries.remove(1).text(Field::ClientName), Some("other"));
    assert_eq!(line(&entries[3]), "stream GET - ok 200");
    for entry in &entries {
        let known = [Field::ClientName, Field::ClientVersion, Field::ProtocolVersion].map(|field| entry.text(field));
        assert_eq!(known, [Some("cli"), Some("1.2"), Some("2025-06-18")], "{}", line(entry));
    }
}
