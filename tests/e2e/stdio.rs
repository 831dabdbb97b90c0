//! The official client over standard input and output, through the wrapper.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mcp_audit_log_tests::{Everything, binary, expect_entries, files_with, grouped, listed, script, text};
use serde_json::Value;

/// The script's messages over stdio: all except those that only HTTP has.
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
    "elicitation/create - success ok",
    "roots/list - success ok",
    "notifications/tools/list_changed - success accepted",
    "notifications/tools/list_changed - success accepted",
    "notifications/tools/list_changed - success accepted",
    "notifications/message - success accepted",
];

#[test]
fn the_wrapper_changes_nothing_and_records_each_message_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (binary, program) = (binary(), Everything::program());
    let (binary, program, data) = (binary.to_string_lossy(), program.to_string_lossy(), folder.path().join("data"));
    let data_text = data.to_string_lossy();

    let begin = ["--stdio", "--canary", "canary-over-stdio", "--"];
    let direct = script(begin.into_iter().chain(["node", &program]));
    let wrapper = [&binary, "stdio", "--data", &data_text, "--server", "everything", "--user", "ursula"];
    let wrapped = script(begin.into_iter().chain(wrapper).chain(["--", "node", &program]));
    for (step, result) in direct.as_object().expect("steps") {
        assert_eq!(&wrapped[step], result, "\"{step}\" went another way through the wrapper");
    }

    let entries: Vec<Value> = listed(&data).into_iter().filter(|entry| text(entry, "channel") == "stdio").collect();
    expect_entries(&entries, MESSAGES);
    for entry in &entries {
        each_is_whole(entry);
    }
    // The definitions of the tools have entries of their own, with the same tools.
    the_groups_add_up(&data, &listed(&data));
    assert_eq!(files_with(&data, "canary-over-stdio"), [] as [&Path; 0], "a body is kept with the switch off");
    assert!(!files_with(&data, "ursula").is_empty(), "the search finds nothing at all");
}

fn each_is_whole(entry: &Value) {
    let expected = [
        ("server", "everything"),
        ("user", "ursula"),
        ("connection", "stdio"),
        ("client_name", "official-client"),
        ("client_version", "1.2.3"),
    ];
    for (field, value) in expected {
        assert_eq!(text(entry, field), value, "{field} of {entry:#}");
    }
    assert!(entry["request_bytes"].as_u64() > Some(0), "no size: {entry:#}");
    let answered = !text(entry, "method").starts_with("notifications/") && text(entry, "outcome_detail") != "cancelled";
    assert!(!answered || entry["response_bytes"].as_u64() > Some(0), "no size: {entry:#}");
    // A notification is over when it has been sent.
    let lasts = !text(entry, "method").starts_with("notifications/");
    assert!(!lasts || entry["duration_us"].as_u64().is_some_and(|micros| micros > 0), "no duration: {entry:#}");
    let long = text(entry, "tool") == "trigger-long-running-operation";
    assert!(!long || entry["duration_us"].as_u64().is_some_and(|micros| micros >= 500_000), "too short: {entry:#}");
}

/// The counts of the command `groups` match the list.
fn the_groups_add_up(data: &Path, entries: &[Value]) {
    let groups = grouped(data, "tool");
    let of = |tool: &str| groups.iter().find(|group| group["keys"]["tool"] == tool).expect("a group");
    for tool in ["echo", "trigger-long-running-operation"] {
        let calls: Vec<_> = entries.iter().filter(|entry| text(entry, "tool") == tool).collect();
        let errors = calls.iter().filter(|entry| text(entry, "outcome") != "success").count();
        assert_eq!((&of(tool)["count"], &of(tool)["errors"]), (&calls.len().into(), &errors.into()), "{groups:#?}");
    }
    assert!(of("trigger-long-running-operation")["p95_us"].as_u64() >= Some(450_000), "{groups:#?}");
}

/// A wrapper around this script as its server. Its standard error is a pipe that all of its processes inherit.
fn wrapper(data: &Path, arguments: &[&str], script: &str) -> Child {
    Command::new(binary())
        .args(["stdio", "--data", &data.to_string_lossy()])
        .args(arguments)
        .args(["--", "sh", "-c", script])
        .env_remove("USER")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs")
}

#[test]
fn killing_the_wrapper_ends_its_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "trap '' TERM INT HUP; (while :; do sleep 60; done) & echo up; while :; do sleep 60; done";
    let mut wrapper = wrapper(&folder.path().join("data"), &["--grace", "0.2"], script);
    let mut line = String::new();
    BufReader::new(wrapper.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "up\n");
    wrapper.kill().expect("killed");
    wrapper.wait().expect("ended");
    let mut held = wrapper.stderr.take().expect("its errors");
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || ended.send(held.read_to_string(&mut String::new())));
    end.recv_timeout(Duration::from_secs(60)).expect("the server or what it started lives on").expect("read");
}

#[test]
fn without_a_user_in_the_environment_the_account_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (call, answer) = (r#"{"id":1,"method":"ping"}"#, r#"{"id":1,"result":{}}"#);
    let mut wrapper = wrapper(&data, &[], &format!("echo log line; read call; echo '{answer}'"));
    wrapper.stdin.take().expect("its input").write_all(format!("{call}\n").as_bytes()).expect("written");
    assert!(wrapper.wait().expect("ended").success());
    let account = Command::new("id").arg("-un").output().expect("id").stdout;
    let entries: Vec<Value> = listed(&data).into_iter().filter(|entry| text(entry, "channel") == "stdio").collect();
    expect_entries(&entries, &["ping - success ok", "- - success ok"]);
    let ping = entries.iter().find(|entry| text(entry, "method") == "ping").expect("a call");
    assert_eq!(text(ping, "user"), String::from_utf8_lossy(&account).trim());
    assert_eq!((&ping["request_bytes"], &ping["response_bytes"]), (&call.len().into(), &answer.len().into()));
}
