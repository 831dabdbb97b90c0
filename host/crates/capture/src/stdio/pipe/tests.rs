//! Lines of both sides become their entries.

use super::*;

fn play(lines: &[(Side, &str)]) -> Vec<String> {
    let now = Moment { at: Timestamp::from_micros(0), instant: Instant::now() };
    let mut pipe = Pipe::new("s".into(), Caller::default(), now);
    let mut events = Vec::new();
    for (side, line) in lines {
        events.extend(pipe.read(*side, format!("{line}\n").as_bytes(), now, Keep::default(), false));
    }
    events.extend(pipe.close(now));
    let line = |event: &Event| {
        let target = event.target.as_ref().map_or("-", |target| target.name());
        format!("{} {} {target} {}", event.kind, event.method.as_deref().unwrap_or("-"), event.detail)
    };
    assert!(events.iter().all(|event| event.payload.is_none() && event.status_code.is_none()));
    events.iter().map(line).collect()
}

#[test]
fn a_session_becomes_entries() {
    use Side::{Client, Server};
    let events = play(&[
        (Client, r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"c","version":"1"}}}"#),
        (Server, r#"{"result":{"protocolVersion":"2025-11-25"},"id":0}"#),
        (Client, r#"{"method":"notifications/initialized"}"#),
        (Server, r#"{"method":"roots/list","id":0}"#),
        (Client, r#"{"id":1,"method":"tools/call","params":{"name":"a"}}"#),
        (Client, r#"{"id":1,"method":"tools/call","params":{"name":"b"}}"#),
        (Server, "Listening…"),
        (Client, r#"{"id":0,"result":{"roots":[]}}"#),
        (Server, r#"{"id":1,"result":{}}"#),
        (Server, r#"{"id":1,"result":{"isError":true}}"#),
        (Client, r#"{"id":2,"method":"tools/call","params":{"name":"slow"}}"#),
        (Client, r#"{"method":"notifications/cancelled","params":{"requestId":2}}"#),
        (Server, r#"{"id":2,"result":{}}"#),
        (Client, r#"{"id":3,"method":"ping"}"#),
        (Client, r#"{"id":{},"method":"tools/call","params":{"name":"odd"}}"#),
        (Server, r#"{"id":{},"error":{"code":1}}"#),
    ]);
    assert_eq!(
        events,
        [
            "request initialize - ok",
            "notification notifications/initialized - accepted",
            "server-request roots/list - ok",
            "request tools/call a ok",
            "request tools/call b tool-error",
            "notification notifications/cancelled 2 accepted",
            "request tools/call slow cancelled",
            "request tools/call odd rpc-error",
            "request ping - incomplete",
            "stream - - ok",
        ]
    );
}

#[test]
fn a_last_line_needs_no_end() {
    let now = Moment { at: Timestamp::from_micros(0), instant: Instant::now() };
    let mut pipe = Pipe::new("s".into(), Caller::default(), now);
    assert!(pipe.read(Side::Client, b"{\"id\":1,\"method\":\"ping\"}\n", now, Keep::default(), false).is_empty());
    assert!(pipe.read(Side::Server, b"{\"id\":1,\"result\":{}}", now, Keep::default(), false).is_empty());
    let details: Vec<_> = pipe.close(now).iter().map(|event| event.detail).collect();
    assert_eq!(details, [Detail::Ok]);
}

/// Servers read a request at the end of their input though its line has no end, and answer it.
#[test]
fn a_request_without_a_line_end_is_matched_to_its_answer() {
    for (asker, line, kind) in [
        (Side::Client, r#"{"id":1,"method":"tools/call","params":{"name":"t"}}"#, Kind::Request),
        (Side::Server, r#"{"id":1,"method":"roots/list"}"#, Kind::ServerRequest),
    ] {
        let start = Instant::now();
        let moment = |second| Moment { at: Timestamp::from_micros(0), instant: start + Duration::from_secs(second) };
        let mut pipe = Pipe::new("s".into(), Caller::default(), moment(0));
        let (head, tail) = line.split_at(9);
        let mut events = pipe.read(asker, head.as_bytes(), moment(1), Keep::default(), false);
        events.extend(pipe.read(asker, tail.as_bytes(), moment(2), Keep::default(), false));
        let answer = b"{\"id\":1,\"result\":{}}\n";
        events.extend(pipe.read(asker.other(), answer, moment(5), Keep::default(), false));
        events.extend(pipe.close(moment(9)));
        let told: Vec<_> = events.iter().map(|event| (event.kind, event.detail, event.duration_us)).collect();
        assert_eq!(told, [(kind, Detail::Ok, Some(3_000_000))]);
    }
    // What is not whole is no message, whatever the other side says meanwhile.
    let (mut pipe, _) = played(&[]);
    let now = Moment { at: Timestamp::from_micros(0), instant: Instant::now() };
    pipe.read(Side::Client, br#"{"id":1,"method":"ping""#, now, Keep::default(), false);
    let events = pipe.read(Side::Server, b"{\"id\":2,\"result\":{}}\n", now, Keep::default(), false);
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [Kind::LateAnswer]);
    let events = pipe.read(Side::Client, b"}\n", now, Keep::default(), false);
    assert!(events.is_empty(), "it is one request");
    assert_eq!(pipe.close(now).iter().map(|event| event.kind).collect::<Vec<_>>(), [Kind::Request]);
}

#[test]
fn an_answer_without_a_request_is_an_entry() {
    use Side::{Client, Server};
    let (_, events) = played(&[
        (0, Client, r#"{"id":1,"method":"ping"}"#),
        (0, Server, r#"{"id":1,"result":{}}"#),
        // Once more, one of an id that was never used, and one without an id.
        (0, Server, r#"{"id":1,"result":{}}"#),
        (0, Server, r#"{"id":"x","error":{"code":-32603}}"#),
        (0, Server, r#"{"id":null,"error":{"code":-32700}}"#),
        (0, Client, r#"{"id":7,"result":{}}"#),
    ]);
    let unmatched: Vec<_> = events[1..]
        .iter()
        .map(|event| (event.kind, event.request_id.as_deref(), event.detail, fact(event, "unmatched")))
        .collect();
    let told = |kind, id, detail| (kind, id, detail, Some("true".to_owned()));
    assert_eq!(
        unmatched,
        [
            told(Kind::LateAnswer, Some("1"), Detail::Ok),
            told(Kind::LateAnswer, Some("x"), Detail::RpcError),
            told(Kind::LateAnswer, None, Detail::RpcError),
            told(Kind::ServerRequest, Some("7"), Detail::Ok),
        ]
    );
    assert_eq!(events[2].failure.as_ref().map(|failure| failure.kind.as_str()), Some("-32603"));
}

#[test]
fn a_torn_line_is_not_a_message() {
    let now = Moment { at: Timestamp::from_micros(0), instant: Instant::now() };
    let mut pipe = Pipe::new("s".into(), Caller::default(), now);
    assert!(pipe.read(Side::Client, br#"{"id":1,"#, now, Keep::default(), false).is_empty());
    let events = pipe.read(Side::Client, b"garbage}\n{\"method\":\"notifications/x\"}\n", now, Keep::default(), true);
    assert_eq!(events.len(), 1);
}

fn fact(event: &Event, name: &str) -> Option<String> {
    event.facts.iter().find(|(fact, _)| fact == name).map(|(_, value)| value.to_json().to_string())
}

/// The events of these lines, each at its second, before the pipe is closed.
fn played(lines: &[(u64, Side, &str)]) -> (Pipe, Vec<Event>) {
    let start = Instant::now();
    let moment = |second| Moment { at: Timestamp::from_micros(0), instant: start + Duration::from_secs(second) };
    let mut pipe = Pipe::new("s".into(), Caller::default(), moment(0));
    let mut events = Vec::new();
    for (second, side, line) in lines {
        events.extend(pipe.overdue(moment(*second)));
        events.extend(pipe.read(*side, format!("{line}\n").as_bytes(), moment(*second), Keep::default(), false));
    }
    (pipe, events)
}

const CALL: &str = r#"{"id":2,"method":"tools/call","params":{"name":"slow"}}"#;
const CANCEL: &str = r#"{"method":"notifications/cancelled","params":{"requestId":2}}"#;

#[test]
fn a_cancelled_call_is_one_entry_whichever_message_comes_first() {
    use Side::{Client, Server};
    let answer = r#"{"id":2,"error":{"code":-32800,"message":"cancelled"}}"#;
    for lines in [[(0, Client, CANCEL), (0, Server, answer)], [(0, Server, answer), (0, Client, CANCEL)]] {
        let (mut pipe, mut events) = played(&[&[(0, Client, CALL)], &lines[..]].concat());
        events.extend(pipe.close(Moment { at: Timestamp::from_micros(0), instant: Instant::now() }));
        let calls: Vec<_> = events.iter().filter(|event| event.kind == Kind::Request).collect();
        assert_eq!(calls.iter().map(|call| call.detail).collect::<Vec<_>>(), [Detail::Cancelled]);
        assert_eq!(fact(calls[0], "answer").as_deref(), Some("\"rpc-error\""));
        assert_eq!(fact(calls[0], "answer_code").as_deref(), Some("-32800"));
    }
}

#[test]
fn a_cancelled_call_is_recorded_after_a_while_and_a_late_result_separately() {
    use Side::{Client, Server};
    for (late, more) in [
        (r#"{"id":2,"error":{"code":-32800,"message":"cancelled"}}"#, vec![]),
        (r#"{"id":2,"result":{"isError":true}}"#, vec![(Kind::LateAnswer, Detail::ToolError)]),
    ] {
        let (_, events) = played(&[(0, Client, CALL), (1, Client, CANCEL), (9, Server, late)]);
        let told: Vec<_> = events.iter().map(|event| (event.kind, event.detail)).collect();
        let first = [(Kind::Notification, Detail::Accepted), (Kind::Request, Detail::Cancelled)];
        assert_eq!(told, [&first[..], &more].concat());
        assert_eq!(events[1].duration_us, Some(1_000_000));
        assert!(events.get(2).is_none_or(|event| event.parent == Some(events[1].id)));
    }
}

#[test]
fn server_notifications_are_entries_and_progress_counts_with_its_call() {
    use Side::{Client, Server};
    let call = r#"{"id":2,"method":"tools/call","params":{"name":"slow","_meta":{"progressToken":7}}}"#;
    let answer = r#"{"id":2,"result":{}}"#;
    let (mut pipe, events) = played(&[
        (0, Client, call),
        (0, Server, r#"{"method":"notifications/tools/list_changed"}"#),
        (0, Server, r#"{"method":"notifications/progress","params":{"progressToken":7}}"#),
        (0, Server, r#"{"method":"notifications/resources/updated","params":{"uri":"a://b"}}"#),
        (0, Server, r#"{"method":"notifications/message","params":{"data":"x"}}"#),
        (0, Server, answer),
    ]);
    let told: Vec<_> = events.iter().map(|event| (event.kind, event.method.as_deref(), event.detail)).collect();
    let sent = |method| (Kind::ServerNotification, Some(method), Detail::Accepted);
    assert_eq!(
        told,
        [
            sent("notifications/tools/list_changed"),
            sent("notifications/resources/updated"),
            sent("notifications/message"),
            (Kind::Request, Some("tools/call"), Detail::Ok),
        ]
    );
    assert_eq!(fact(&events[3], "progress").as_deref(), Some("1"));
    assert_eq!(fact(&events[3], "request_bytes"), Some(call.len().to_string()));
    assert_eq!(fact(&events[3], "response_bytes"), Some(answer.len().to_string()));
    assert!(pipe.close(Moment { at: Timestamp::from_micros(0), instant: Instant::now() }).is_empty());
}

#[test]
fn log_lines_of_a_server_on_its_output_are_no_failure() {
    use Side::{Client, Server};
    let lines = [(0, Server, "starting"), (0, Server, r#"{"level":"info"}"#), (0, Server, "[]"), (0, Server, "")];
    let (mut pipe, events) = played(&lines);
    assert!(events.is_empty());
    let told = pipe.close(Moment { at: Timestamp::from_micros(0), instant: Instant::now() });
    assert_eq!(told.iter().map(|event| (event.kind, event.detail)).collect::<Vec<_>>(), [(Kind::Stream, Detail::Ok)]);
    assert_eq!(fact(&told[0], "stray_lines").as_deref(), Some("3"));
    // An unreadable client line may have been a call.
    let (_, events) = played(&[(0, Client, "nonsense")]);
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [Kind::Http]);
}

#[test]
fn a_server_can_cancel_its_own_request() {
    use Side::{Client, Server};
    let (_, events) = played(&[
        (0, Server, r#"{"id":2,"method":"sampling/createMessage"}"#),
        (0, Server, CANCEL),
        (0, Client, r#"{"id":2,"error":{"code":-1}}"#),
    ]);
    let told: Vec<_> = events.iter().map(|event| (event.kind, event.detail)).collect();
    assert_eq!(told, [(Kind::ServerNotification, Detail::Accepted), (Kind::ServerRequest, Detail::Cancelled)]);
}
