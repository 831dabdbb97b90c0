//! `mcp-audit-log policy shadow` beside a running server: differences are counted as they happen, and whatever a
//! candidate does, the log is the same.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_tests::{Server, eventually, product, run};
use serde_json::{Value, json};

/// A candidate that names the calls of one tool otherwise, and keeps no payload.
const ACME: &str = r#"
name = "acme"
version = "2.0.0"
[[group]]
name = "admin"
label = "Administrator"
rights = ["read", "configure", "manage", "verify", "export", "read-usage"]
sees = []
[[action]]
name = "order.placed"
label = "Order placed"
when = [["target", "=", "place_order"]]
[[action]]
name = "tool.called"
label = "Tool called"
when = [["method", "=", "tools/call"]]
"#;

/// A shadow that runs.
struct Shadow(Child);

impl Shadow {
    /// Starts one, and waits until it follows the log.
    fn start(server: &Server, candidate: &Path, length: &str) -> Self {
        let said = server.data().join("shadow.err");
        let data = server.data().to_string_lossy().into_owned();
        let candidate = candidate.to_string_lossy().into_owned();
        let words = ["policy", "shadow", &candidate, "--for", length, "--data", &data, "--json"];
        let mut command = product(words);
        command.stdout(Stdio::piped()).stderr(fs::File::create(&said).expect("a file"));
        let shadow = Self(command.spawn().expect("started"));
        eventually("a shadow", || fs::read_to_string(&said).ok().filter(|text| text.contains("follows the log")));
        shadow
    }

    /// Presses Ctrl-C.
    fn interrupt(&self) {
        let id = self.0.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill -INT \"$0\"", &id]).status().expect("a signal").success());
    }

    /// The exit code and the report.
    fn ends(self) -> (Option<i32>, Value) {
        let Output { status, stdout, .. } = self.0.wait_with_output().expect("its end");
        let text = String::from_utf8(stdout).expect("text");
        (status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
    }
}

fn send(server: &Server, tool: &str, times: usize) {
    let call = json!({ "channel": "mcp", "method": "tools/call", "tool": tool, "server": "shop", "user": "ada",
        "outcome": "success" });
    let answer = server.api("service").post("/api/v1/events", json!(vec![call; times]).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn written(server: &Server, name: &str, component: &[u8]) -> std::path::PathBuf {
    let file = server.data().join(name);
    fs::write(&file, component).expect("written");
    file
}

/// How many entries differ in a part, and the example.
fn difference<'a>(report: &'a Value, part: &str, candidate: &str) -> (u64, &'a str) {
    let all = report["verdicts"].as_array().expect("differences");
    let one = all.iter().find(|one| one["part"] == part && one["candidate"] == candidate);
    let one = one.unwrap_or_else(|| panic!("no {part} → {candidate}: {report:#}"));
    (one["entries"].as_u64().expect("a number"), one["witness"].as_str().expect("an entry"))
}

#[test]
fn differences_are_counted_as_they_happen() {
    let server = Server::start(&[]);
    send(&server, "place_order", 1);
    let shadow = Shadow::start(&server, &written(&server, "acme.toml", ACME.as_bytes()), "1h");
    send(&server, "place_order", 3);
    send(&server, "search", 2);
    shadow.interrupt();
    let (code, report) = shadow.ends();
    assert_eq!(code, Some(1), "{report:#}");
    // Those before it are not live.
    let (entries, example) = difference(&report, "action", "order.placed");
    assert_eq!(entries, 3, "{report:#}");
    assert_eq!(server.api("admin").entry(example).json()["tool"], "place_order");
    assert_eq!(difference(&report, "payload", "not kept").0, report["entries"].as_u64().expect("a number"));
    assert!(report["active"][0]["title"].as_str().is_some_and(|title| title.starts_with("mcp-audit-log-policy ")));
    assert_eq!((&report["skipped"], &report["further_differences"]), (&json!(0), &json!(0)));
    assert_eq!(report["calibration"]["reproduced"], report["calibration"]["entries"], "{report:#}");
    assert!(!report.to_string().contains("\"payload\":{"), "no payload is in a report");
}

#[test]
fn a_shadow_of_the_active_policy_ends_in_time_and_finds_nothing() {
    let server = Server::start(&[]);
    let shadow = Shadow::start(&server, Path::new("default"), "3s");
    send(&server, "search", 5);
    let (code, report) = shadow.ends();
    assert_eq!((code, &report["verdicts"]), (Some(0), &json!([])), "{report:#}");
    assert!(report["entries"].as_u64().is_some_and(|entries| entries >= 5), "{report:#}");
}

#[test]
fn a_shadow_follows_a_swap_of_the_active_policy() {
    let server = Server::start(&[]);
    let acme = written(&server, "acme.toml", ACME.as_bytes());
    let shadow = Shadow::start(&server, &acme, "1h");
    send(&server, "place_order", 2);
    let token = server.token("root", "admin");
    let file = acme.to_string_lossy().into_owned();
    let mut command = product(["policy", "activate", &file, "--reason", "a test", "--server", server.address()]);
    let activated = command.env("MCP_AUDIT_LOG_TOKEN", token).output().expect("run");
    assert!(activated.status.success(), "{activated:?}");
    // From now on both are the same.
    let answer = server.api("admin").get("/api/v1/policy").json();
    send_as_admin(&server);
    shadow.interrupt();
    let (_, report) = shadow.ends();
    assert_eq!(difference(&report, "action", "order.placed").0, 2, "{report:#}");
    let active = report["active"].as_array().expect("a list");
    assert_eq!(active.len(), 2, "{report:#}");
    assert_eq!(active[1]["since"], answer["since"], "{report:#}");
    assert!(active[1]["title"].as_str().is_some_and(|title| title.starts_with("acme 2.0.0")), "{report:#}");
}

/// An entry under a policy that has no group for senders.
fn send_as_admin(server: &Server) {
    server.api("admin").set(json!({ "retention_days": 60 }));
}

/// The candidate traps, never returns, and eats memory; the log does not learn of it.
#[test]
fn a_candidate_that_fails_changes_nothing_in_the_log() {
    let server = Server::start(&[]);
    let shadow = Shadow::start(&server, &written(&server, "evil.wasm", evil::POLICY_0_7), "1h");
    for tool in ["evil:panic", "evil:spin", "evil:memory", "search"] {
        send(&server, tool, 3);
    }
    let ready = server.api("admin").get("/readyz");
    assert_eq!(ready.status, 200, "{ready:?}");
    shadow.interrupt();
    let (code, report) = shadow.ends();
    assert_eq!(code, Some(1), "{report:#}");
    for kind in ["trap", "fuel", "memory"] {
        assert_eq!(difference(&report, "fault", kind).0, 3, "{report:#}");
    }
    let entries = server.api("admin").entries("method=tools/call");
    assert_eq!(entries.len(), 12);
    let is_whole = |entry: &Value| entry["action"] == "tool.called" && entry["fault"].is_null();
    assert!(entries.iter().all(is_whole), "{entries:#?}");
    let data = server.data().to_string_lossy().into_owned();
    let verified = run(["verify", "--data", &data]);
    assert!(verified.status.success(), "{verified:?}");
    let kept = fs::read_dir(server.data().join("policies")).expect("a folder").count();
    let shadow = Shadow::start(&server, Path::new("default"), "1s");
    shadow.ends();
    assert_eq!(fs::read_dir(server.data().join("policies")).expect("a folder").count(), kept, "nothing is kept of it");
}

#[test]
fn what_cannot_be_done_is_said_and_ends_with_2() {
    let server = Server::start(&[]);
    let data = server.data().to_string_lossy().into_owned();
    let broken = written(&server, "broken.wasm", b"no component");
    for (candidate, length, words) in [
        (broken.to_string_lossy().as_ref(), "1h", "not"),
        ("default", "soon", "--for: give a duration"),
        ("absent.wasm", "1h", "absent.wasm"),
    ] {
        let output = run(["policy", "shadow", candidate, "--for", length, "--data", &data]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(words), "{candidate} {length}: {said}");
    }
}
