//! The official client gets the same results through the proxy as without it, and each of its messages is one entry.

use std::collections::HashSet;

use mcp_audit_log_tests::{Everything, Server, eventually, expect_entries, files_with, same_results, script, text};
use serde_json::Value;

/// The script's actions as entries: method, target, outcome, detail.
const MESSAGES: &[&str] = &[
    "initialize - success ok",
    "notifications/initialized - success accepted",
    "tools/list - success ok",
    "tools/call echo success ok",
    "tools/call no-such-tool error tool-error",
    "tools/call get-sum error tool-error",
    "tools/call trigger-long-running-operation success ok",
    "resources/list - success ok",
    "resources/list - success ok",
    "resources/read demo://resource/static/document/architecture.md success ok",
    "resources/read demo://no-such-resource error rpc-error",
    "prompts/list - success ok",
    "prompts/get simple-prompt success ok",
    "ping - success ok",
    "tools/call trigger-long-running-operation error cancelled",
    "notifications/cancelled - success accepted",
    "tools/call trigger-elicitation-request success ok",
    // The server's own requests, with the client's answers.
    "elicitation/create - success ok",
    "roots/list - success ok",
    // The stream that breaks off, the call that is made meanwhile, and the end.
    "tools/call trigger-long-running-operation error client-closed",
    // Its answer, which the resumed stream brings.
    "tools/call trigger-long-running-operation success ok",
    "tools/call trigger-long-running-operation success ok",
    "DELETE - success ok",
    "tools/list - error rejected",
];

/// The standalone stream that the client opens, and the one that resumes.
const STREAMS: usize = 2;

#[test]
fn the_proxy_changes_nothing_and_records_each_message_once() {
    let everything = Everything::start();
    let direct = script(["--url", &everything.url()]);

    let server = Server::start(&[("everything", &everything.url())]);
    let token = server.token("ursula", "user");
    let proxied = script(["--url", &server.mcp("everything"), "--token", &token]);
    same_results(&direct, &proxied);

    let entries = recorded(&server);
    let (streams, messages): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| text(entry, "kind") == "stream");
    expect_entries(&messages, MESSAGES);
    every_stream_is_opened_and_closed(&streams);
    each_says_who_and_whence(&messages);
    each_lasted(&messages);
    filters_find_them(&server);
    session_ids_are_kept_from_everyone(&server, &everything, &messages);
}

/// The entries about the client, oldest first. The ends of its streams are recorded last.
fn recorded(server: &Server) -> Vec<Value> {
    let admin = server.api("admin");
    let closed = format!("user=ursula&limit=500&method=GET&domain={}", r#"[["action","=","stream.closed"]]"#);
    eventually("the entries about closed streams", || {
        (admin.entries(&encoded(&closed)).len() >= STREAMS).then_some(())
    });
    eventually("an entry for each message", || {
        let entries = admin.entries("limit=500&user=ursula");
        (entries.len() >= MESSAGES.len() + 2 * STREAMS).then_some(entries)
    })
}

fn every_stream_is_opened_and_closed(streams: &[Value]) {
    for action in ["stream.opened", "stream.closed"] {
        let found = streams.iter().filter(|entry| text(entry, "action") == action).count();
        assert_eq!(found, STREAMS, "{action} in {streams:#?}");
    }
}

fn each_says_who_and_whence(messages: &[Value]) {
    for entry in messages {
        let expected = [
            ("channel", "mcp"),
            ("server", "everything"),
            ("user", "ursula"),
            ("connection", "ursulas-laptop"),
            ("ip", "127.0.0.1"),
        ];
        for (field, value) in expected {
            assert_eq!(text(entry, field), value, "{field} of {entry:#}");
        }
        assert_ne!(text(entry, "action"), "-", "{entry:#}");
        assert_eq!(entry["has_payload"], false, "{entry:#}");
    }
    // The session has ended when the last message comes, and with it the client's introduction.
    for entry in messages.iter().filter(|entry| text(entry, "outcome_detail") != "rejected") {
        assert_eq!(text(entry, "client_name"), "official-client", "{entry:#}");
        assert_eq!(text(entry, "client_version"), "1.2.3", "{entry:#}");
        assert_ne!(text(entry, "session"), "-", "{entry:#}");
    }
}

fn each_lasted(messages: &[Value]) {
    for entry in messages {
        let micros = entry["duration_us"].as_u64().unwrap_or_else(|| panic!("no duration: {entry:#}"));
        let minimum = match (text(entry, "tool"), text(entry, "outcome_detail")) {
            ("trigger-long-running-operation", "client-closed") => 100_000,
            ("trigger-long-running-operation", _) => 500_000,
            _ => 1,
        };
        assert!((minimum..20_000_000).contains(&micros), "{micros} µs: {entry:#}");
    }
}

/// The filters of the API, each alone.
fn filters_find_them(server: &Server) {
    let admin = server.api("admin");
    let count = |query: &str| admin.entries(&format!("limit=500&user=ursula&{}", encoded(query))).len();
    assert_eq!(count("tool=echo"), 1);
    assert_eq!(count("method=ping"), 1);
    assert_eq!(count("connection=ursulas-laptop&method=tools/call"), 9);
    assert_eq!(count("server=everything&method=initialize"), 1);
    assert_eq!(count("server=elsewhere"), 0);
    assert_eq!(count("outcome=error&method=tools/call"), 4);
    assert_eq!(count("outcome=denied"), 0);
    assert_eq!(count("to=2020-01-01T00:00:00Z"), 0);
    assert_eq!(count("from=2020-01-01T00:00:00Z&tool=echo"), 1);
    assert_eq!(count(r#"domain=["|",["tool","=","echo"],["method","=","ping"]]"#), 2);
}

/// A session id is a credential: a reader of the log must not be able to take over a session.
fn session_ids_are_kept_from_everyone(server: &Server, everything: &Everything, messages: &[Value]) {
    let sessions = everything.sessions();
    assert_eq!(sessions.len(), 2, "the direct run's and the proxied one's");
    let known: HashSet<_> =
        messages.iter().filter(|entry| !entry["session"].is_null()).map(|entry| text(entry, "session")).collect();
    assert_eq!(known.len(), 1, "one session, under one name: {known:?}");
    for id in sessions {
        assert_eq!(files_with(&server.data(), &id), [] as [&std::path::Path; 0], "the session id is stored");
        assert!(!known.contains(id.as_str()), "the session id is shown");
    }
}

/// Characters that must be encoded in a query.
fn encoded(query: &str) -> String {
    query.replace('[', "%5B").replace(']', "%5D").replace('"', "%22").replace('|', "%7C").replace(' ', "%20")
}
