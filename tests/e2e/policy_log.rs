//! `mcp-audit-log policy explain` and `replay` beside a running server, as an operator uses them.

use std::fs;

use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_tests::{Server, run};
use serde_json::{Value, json};

/// The exit code, and what is printed.
fn policy(server: &Server, words: &[&str]) -> (Option<i32>, String, String) {
    let data = server.data().to_string_lossy().into_owned();
    let words = ["policy", words[0], "--data", &data].into_iter().chain(words[1..].iter().copied());
    let output = run(words);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Calls of a server that an extension knows, and of one that a vendor hides.
fn server() -> Server {
    let server = Server::start(&[]);
    let call = |user: &str, server: &str, tool: &str| json!({ "channel": "mcp", "method": "tools/call", "tool": tool, "server": server, "user": user, "outcome": "success" });
    let events =
        json!([call("ada", "deliveries", "book"), call("bob", "payroll", "raise"), call("bob", "crm", "search")]);
    let answer = server.api("service").post("/api/v1/events", events.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    server
}

fn id(server: &Server, tool: &str) -> String {
    let entries = server.api("admin").entries(&format!("tool={tool}"));
    entries[0]["id"].as_str().expect("an id").to_owned()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn an_entry_is_explained_beside_a_running_server() {
    let server = server();
    let (booked, raised) = (id(&server, "book"), id(&server, "raise"));
    let (code, shown, _) = policy(&server, &["explain", &booked]);
    assert!(
        code == Some(0) && shown.contains("It is called tool.called.") && shown.contains("operator sees it"),
        "{shown}"
    );
    let (code, shown, _) = policy(&server, &["explain", &raised, "--as", "ada", "--group", "user"]);
    assert!(code == Some(1) && shown.contains("not met   User is \"ada\"; the entry has \"bob\""), "{shown}");
    assert!(shown.contains("It would take the group ") && shown.contains("being bob"), "{shown}");
    let (code, shown, _) =
        policy(&server, &["explain", &raised, "--as", "ada", "--group", "user", "--tenant", "eu", "--json"]);
    let why = parsed(&shown);
    assert_eq!((code, &why["access"]["sees"], &why["access"]["tenant"]), (Some(1), &json!(false), &json!("eu")));
    // The entry was judged without the extension, and the answer says so.
    let extension = server.data().join("deliveries.wasm");
    fs::write(&extension, evil::DELIVERIES).expect("written");
    let (_, shown, _) = policy(&server, &["explain", &booked, "--extend", &extension.to_string_lossy()]);
    assert!(
        shown.contains("would call it deliveries.booked now")
            && shown.contains("It was judged by mcp-audit-log-policy"),
        "{shown}"
    );
    let (code, _, said) = policy(&server, &["explain", "01930000-0000-7000-8000-000000000000"]);
    assert!(code == Some(2) && said.contains("the log has no entry"), "{said}");
}

#[test]
fn another_policy_is_replayed_beside_a_running_server() {
    let server = server();
    server.token("ada", "user");
    let raised = id(&server, "raise");
    let (code, shown, _) = policy(&server, &["replay", "--candidate", "default"]);
    assert!(code == Some(0) && shown.contains("OK         no difference"), "{shown}");
    let vendor = server.data().join("vendor.wasm");
    fs::write(&vendor, evil::VENDOR).expect("written");
    let vendor = vendor.to_string_lossy().into_owned();
    let (code, shown, _) = policy(&server, &["replay", "--candidate", &vendor, "--recorded-from", "-1h"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains(&format!("admin-of-the-test with admin: loses 1 entries, such as {raised}")), "{shown}");
    assert!(shown.contains("bob, known from entries, if a member of one of user, power-user"), "{shown}");
    let extension = server.data().join("deliveries.wasm");
    fs::write(&extension, evil::DELIVERIES).expect("written");
    let words = ["replay", "--candidate", "default", "--candidate-extend", &extension.to_string_lossy(), "--json"];
    let (code, shown, _) = policy(&server, &words);
    let report = parsed(&shown);
    let action = &report["verdicts"][0];
    assert_eq!((code, &action["candidate"], &action["entries"]), (Some(1), &json!("deliveries.booked"), &json!(1)));
    assert_eq!(action["witness"], id(&server, "book"));
    assert_eq!(report["calibration"]["actions"], report["calibration"]["entries"], "{shown}");
    let (code, _, said) = policy(&server, &["replay", "--candidate", "default", "--recorded-from", "soon"]);
    assert!(code == Some(2) && said.contains("--recorded-from"), "{said}");
    let (code, _, said) = policy(&server, &["replay", "--candidate", "none.wasm"]);
    assert!(code == Some(2) && said.contains("none.wasm cannot be read"), "{said}");
}

/// The vendor's policy shows no entry of payroll.
#[test]
fn a_command_uses_the_policy_that_judged_last_or_the_one_that_is_named() {
    let mut server = server();
    server.stop();
    let data = server.data().to_string_lossy().into_owned();
    let vendor = server.data().join("vendor.wasm");
    fs::write(&vendor, evil::VENDOR).expect("written");
    let activated = run(["policy", "activate", &vendor.to_string_lossy(), "--reason", "a test", "--data", &data]);
    assert!(activated.status.success(), "{activated:?}");
    let tools = |words: &[&str]| {
        let output = run(["list", "--data", &data, "tool:raise"].into_iter().chain(words.iter().copied()));
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(!tools(&[]).contains("raise"), "hidden by the active policy");
    assert!(tools(&["--policy", "default"]).contains("raise"), "by the default policy");
}
