//! The command line lists alerts and tools beside a running server, as its API does.

use mcp_audit_log_tests::{Everything, Server, run, script};
use serde_json::{Value, json};

/// What a subcommand prints as JSON, line by line.
fn listed(server: &Server, arguments: &[&str]) -> Vec<Value> {
    let said = said(server, &[arguments, &["--format", "json"]].concat());
    said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn said(server: &Server, arguments: &[&str]) -> String {
    let data = server.data();
    let data = data.to_string_lossy();
    let (subcommand, rest) = arguments.split_first().expect("a subcommand");
    let output = run([*subcommand, "--data", &data].into_iter().chain(rest.iter().copied()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn tools_are_those_of_the_api() {
    let everything = Everything::start();
    let server = Server::open(&[("everything", &everything.url()), ("other", &everything.url())]);
    for name in ["everything", "other"] {
        script(["--url", &server.mcp(name)]);
    }
    let api = server.api("auditor").get("/api/v1/tools").json();
    let tools = api["tools"].as_array().expect("tools");
    assert!(tools.len() > 20, "{tools:#?}");
    assert_eq!(&listed(&server, &["tools"]), tools);
    let of_one: Vec<_> = tools.iter().filter(|tool| tool["server"] == "other").cloned().collect();
    assert_eq!(listed(&server, &["tools", "--server", "other"]), of_one);
    let table = said(&server, &["tools", "--server", "other"]);
    assert_eq!(table.lines().count(), of_one.len() + 1);
    assert!(
        table.lines().any(|line| line.starts_with("other") && line.contains("  echo ") && line.contains(" listed "))
    );
    let refused = run(["tools", "--data", &server.data().to_string_lossy(), "--group", "user"]);
    let reason = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && reason.contains("the groups with the right are"), "{reason}");
}

#[test]
fn alerts_are_those_of_the_api_and_of_the_viewer() {
    let server = Server::start(&[]);
    let admin = server.api("admin");
    let event = json!({ "channel": "admin", "method": "page.updated", "outcome": "error" }).to_string();
    assert_eq!(server.api("service").post("/api/v1/events", event).status, 200);
    for (name, query) in [("Pages", "action=page.updated"), ("Quiet ones", "user=a%20b%C3%A4&outcome=denied")] {
        let view = admin.post("/api/v1/views", json!({ "name": name, "query": query }).to_string()).json();
        let alert = format!("/api/v1/views/{}/alert", view["id"].as_str().expect("an id"));
        let put = admin.clone().with("content-type", "application/json");
        let set = put.send("PUT", &alert, json!({ "count": 1, "minutes": 60 }).to_string());
        assert_eq!(set.status, 200, "{}", set.text);
    }
    let api = admin.get("/api/v1/alerts").json();
    let mut alerts = api["alerts"].as_array().expect("alerts").clone();
    for alert in &mut alerts {
        // What the last check found is known to the process that checks.
        for name in ["checked_at", "count", "values", "error"] {
            alert.as_object_mut().expect("an alert").shift_remove(name);
        }
    }
    let as_owner = ["alerts", "--as", "admin-of-the-test"];
    assert_eq!(listed(&server, &as_owner), alerts);
    assert_eq!(alerts.len(), 3, "the log's own too: {alerts:#?}");
    let raised = listed(&server, &[&as_owner[..], &["--raised"]].concat());
    assert!(raised.len() == 1 && raised[0]["raised_entry"].is_string(), "{raised:#?}");
    let table = said(&server, &as_owner);
    assert!(table.contains("an entry in 60 minutes") && !table.contains('\u{1b}'), "{table}");
    assert_eq!(listed(&server, &["alerts", "--as", "another"]).len(), 1, "only the log's own");
}
