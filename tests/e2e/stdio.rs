//! The same for a server that is spoken to over its standard input and output.

use std::path::Path;

use mcp_audit_tests::{Everything, binary, expect_entries, files_with, grouped, listed, script, text};
use serde_json::Value;

/// What the script does over stdio: everything but what only HTTP has.
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
    the_groups_add_up(&data, &entries);
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
    // A notification is over when it has been sent.
    let lasts = !text(entry, "method").starts_with("notifications/");
    assert!(!lasts || entry["duration_us"].as_u64().is_some_and(|micros| micros > 0), "no duration: {entry:#}");
    let long = text(entry, "tool") == "trigger-long-running-operation";
    assert!(!long || entry["duration_us"].as_u64().is_some_and(|micros| micros >= 500_000), "too short: {entry:#}");
}

/// What the command line counts is what it lists.
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
