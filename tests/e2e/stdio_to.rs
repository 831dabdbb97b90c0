//! The wrapper that keeps no folder and sends its events to a running log: what the log gets, also when it is away.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use mcp_audit_log_tests::{
    Api, Cutter, Everything, Process, READY, Server, assert_plain, binary, eventually, free_port, product, script,
    text, token_in,
};
use serde_json::{Value, json};

/// What differs between an entry of a folder and one that was sent.
const OWN: [&str; 6] = ["id", "seq", "recorded_at", "occurred_at", "duration_us", "payload_commitment"];

/// Messages of a client. The server answers each line with the line of the same number.
fn messages() -> (String, String) {
    let long = "x".repeat(100_000);
    let client = [
        json!({ "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "clientInfo": { "name": "a client", "version": "1.2" } } }),
        json!({ "method": "notifications/initialized" }),
        json!({ "id": "two", "method": "tools/call", "params": { "name": "edit", "arguments": {
            "model": "account.move", "id": 7, "old": "a\u{0}\u{1f}", "new": [1.50, {}], "deep": { "a": null } } } }),
        json!({ "id": 3, "method": "tools/call", "params": { "name": "t".repeat(300), "arguments": { "text": long } } }),
        json!({ "id": 4, "method": "tools/call", "params": { "name": "none" } }),
        json!({ "id": 5, "method": "tasks/get", "params": { "taskId": "task-1" } }),
        json!({ "id": 6, "method": "logging/setLevel", "params": { "level": "debug" } }),
        json!({ "id": 7, "method": "resources/read", "params": { "uri": "https://u:p@a.example/x?secret=1" } }),
        json!({ "id": 8, "method": "prompts/get", "params": { "name": "greet", "password": "hunter2" } }),
        json!("no message"),
        json!({ "id": 99, "result": {} }),
        json!({ "id": 9, "method": "tools/call", "params": { "name": "unanswered", "_meta": {
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" } } }),
    ];
    let server = [
        json!({ "id": 1, "result": { "protocolVersion": "2025-11-25", "serverInfo": { "name": "the server" } } }),
        json!({ "method": "notifications/message", "params": { "data": "hello" } }),
        json!({ "id": "two", "result": { "content": [{ "type": "text", "text": "zażółć" }] } }),
        json!({ "id": 3, "result": { "isError": true, "content": [{ "type": "text", "text": long }] } }),
        json!({ "id": 4, "error": { "code": -32602, "message": "no such tool" } }),
        json!({ "id": 5, "result": { "task": { "taskId": "task-1", "status": "working" } } }),
        json!({ "id": 6, "result": {} }),
        json!({ "id": 7, "result": { "contents": [] } }),
        json!({ "id": 8, "result": { "messages": [] } }),
        json!({ "id": 70, "method": "sampling/createMessage", "params": {} }),
        json!({ "id": 71, "result": {} }),
        json!("a line of the server's log"),
    ];
    let lines = |messages: &[Value]| messages.iter().map(|message| format!("{message}\n")).collect();
    (lines(&client), lines(&server))
}

/// A wrapper around a server that answers each line of its input with the next line of `answers`.
struct Wrapped {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Wrapped {
    fn start(arguments: &[&str], answers: &Path, token: &str) -> Self {
        let script = "while IFS= read -r line; do IFS= read -r answer <&3 && printf '%s\\n' \"$answer\"; done 3<\"$0\"; env >\"$0.env\"";
        let mut command = product(["stdio", "--server", "crm", "--user", "ursula"]);
        command.args(arguments).args(["--", "sh", "-c", script]).arg(answers).env("MCP_AUDIT_LOG_TOKEN", token);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("its output"));
        Self { child, input, output: BufReader::new(output) }
    }

    /// Sends each line and waits for its answer.
    fn exchange(&mut self, lines: &str) {
        for line in lines.split_inclusive('\n') {
            self.input.as_mut().expect("its input").write_all(line.as_bytes()).expect("written");
            let mut answer = String::new();
            self.output.read_line(&mut answer).expect("an answer");
            assert!(answer.ends_with('\n'), "the session is over after {line}");
        }
    }

    /// Ends the input; returns how it ended and what it printed on standard error.
    fn end(mut self) -> (ExitStatus, String) {
        drop(self.input.take());
        let mut said = String::new();
        self.child.stderr.take().expect("its errors").read_to_string(&mut said).expect("text");
        assert_plain(&said);
        (self.child.wait().expect("ended"), said)
    }
}

fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).expect("written");
    path
}

/// The entries of the wrapper with their payloads, oldest first, as far as folder and sender should agree.
fn recorded(server: &Server) -> Vec<Value> {
    let auditor = server.api("auditor");
    let mut entries = auditor.entries("channel=stdio&limit=500");
    entries.reverse();
    let whole = entries.iter().map(|entry| {
        let mut entry = auditor.entry(text(entry, "id")).json();
        let members = entry.as_object_mut().expect("an entry");
        OWN.iter().for_each(|name| drop(members.shift_remove(*name)));
        members["details"].as_object_mut().expect("details").shift_remove("sent_by");
        for name in ["verdict", "previous", "next", "judged_by"] {
            members.shift_remove(name);
        }
        entry
    });
    whole.collect()
}

#[test]
fn a_sent_entry_is_the_entry_of_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (client, answers) = messages();
    let answers = file(folder.path(), "answers", &answers);
    let on = json!({ "log_payloads": true });

    let data = folder.path().join("own");
    let mut own = Server::at(&data);
    own.api("admin").set(on.clone());
    assert!(own.stop().success());
    let mut wrapped = Wrapped::start(&["--data", &data.to_string_lossy()], &answers, "");
    wrapped.exchange(&client);
    assert!(wrapped.end().0.success());
    let own = Server::at(&data);
    let expected = recorded(&own);
    assert!(expected.len() > 12, "{expected:#?}");
    assert!(expected.iter().any(|entry| entry["payload"]["request"].is_object()), "{expected:#?}");

    let central = Server::start(&[]);
    central.api("admin").set(on);
    let token = central.token("umas-laptop", "service");
    let mut wrapped = Wrapped::start(&["--to", central.address()], &answers, &token);
    wrapped.exchange(&client);
    let (ended, said) = wrapped.end();
    assert!(ended.success() && said.is_empty(), "{said}");
    let environment = fs::read_to_string(folder.path().join("answers.env")).expect("written by the server");
    assert!(environment.contains("PATH=") && !environment.contains("mcpa_"), "the server has the token");
    let sent = recorded(&central);
    for (sent, expected) in sent.iter().zip(&expected) {
        assert_eq!(sent, expected, "{sent:#} is not {expected:#}");
    }
    assert_eq!(sent.len(), expected.len());
    let admin = central.api("admin");
    for entry in admin.entries("channel=stdio&limit=500") {
        let entry = admin.entry(text(&entry, "id")).json();
        assert_eq!((text(&entry, "user"), &entry["details"]["sent_by"]), ("ursula", &json!("umas-laptop")));
    }
}

/// A log at a fixed port, which can be killed and started again.
struct Central {
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Process>,
}

impl Central {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), port: free_port(), process: None }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn start(&mut self) {
        let mut command = product(["serve", "--listen", &format!("127.0.0.1:{}", self.port), "--data"]);
        let mut process = Process::start(command.arg(self.data()));
        process.line_after(READY);
        self.process = Some(process);
    }

    fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    fn api(&self, group: &str) -> Api {
        Api::new(&self.address(), &token_in(&self.data(), "looker", &[group], "c"))
    }
}

/// The official client works while the log is killed and started again.
#[test]
fn a_log_that_was_killed_gets_every_message_once() {
    let mut central = Central::new();
    central.start();
    let token = token_in(&central.data(), "umas-laptop", &["service"], "c");
    let (token, inbox) =
        (file(central.folder.path(), "token", &format!("{token}\n")), central.folder.path().join("inbox"));
    let (binary, program) = (binary(), Everything::program());
    let server = format!("tee '{}' | node '{}'", inbox.display(), program.display());
    let (binary, address, token) = (binary.to_string_lossy(), central.address(), token.to_string_lossy());
    let wrapper = [&*binary, "stdio", "--to", &address, "--token-file", &token, "--server", "everything"];
    let arguments: Vec<_> =
        ["--stdio", "--"].into_iter().chain(wrapper).chain(["--user", "ursula", "--", "sh", "-c", &server]).collect();
    let received = |method: &str| {
        let inbox = fs::read_to_string(&inbox).unwrap_or_default();
        inbox.contains(&format!("\"{method}\"")).then_some(())
    };
    std::thread::scope(|scope| {
        let client = scope.spawn(|| script(arguments.iter().copied()));
        eventually("the first call", || received("tools/list"));
        central.kill();
        eventually("calls while the log is away", || received("prompts/get"));
        central.start();
        client.join().expect("the client ends as ever");
    });
    let direct = fs::read_to_string(&inbox).expect("what the server got");
    let sent: Vec<Value> = direct.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let requests = sent.iter().filter(|message| message.get("method").is_some()).count();
    let admin = central.api("admin");
    let entries = admin.entries("channel=stdio&limit=500");
    let of_client = entries.iter().filter(|entry| matches!(text(entry, "kind"), "request" | "notification")).count();
    assert_eq!(of_client, requests, "each message of the client is an entry: {entries:#?}");
    let ids: HashSet<_> = entries.iter().map(|entry| (text(entry, "request_id"), text(entry, "method"))).collect();
    assert!(ids.len() > 15, "{ids:?}");
    let unanswered = |entry: &&Value| text(entry, "outcome_detail") == "incomplete";
    assert_eq!(entries.iter().filter(unanswered).count(), 0);
    assert_eq!(admin.entries("action=sender.gap").len(), 0);
}

#[test]
fn beyond_the_bound_the_loss_is_an_entry_with_its_number() {
    const CALLS: usize = 100;
    let folder = tempfile::tempdir().expect("a folder");
    let pings = |from: usize, to: usize| -> (String, String) {
        (from..to)
            .map(|id| (format!("{{\"id\":{id},\"method\":\"ping\"}}\n"), format!("{{\"id\":{id},\"result\":{{}}}}\n")))
            .unzip()
    };
    let answers = file(folder.path(), "answers", &pings(0, CALLS + 1).1);
    let mut central = Central::new();
    // So that there is a token before the log runs.
    central.start();
    let token = token_in(&central.data(), "umas-laptop", &["service"], "c");
    central.kill();

    let mut wrapped = Wrapped::start(&["--to", &central.address(), "--buffer", "10"], &answers, &token);
    wrapped.exchange(&pings(0, CALLS).0);
    central.start();
    let admin = central.api("admin");
    let gap = eventually("the entry about the loss", || admin.entries("action=sender.gap").pop());
    wrapped.exchange(&pings(CALLS, CALLS + 1).0);
    let (ended, said) = wrapped.end();
    assert!(ended.success(), "{said}");
    for mark in [
        "the log does not take events",
        "buffer of events is full",
        "the log takes events again",
        "90 events are lost; an entry",
    ] {
        assert!(said.contains(mark), "no {mark:?} in {said}");
    }
    let stored = admin.entries("channel=stdio&method=ping&limit=500");
    assert_eq!(stored.len(), 11, "{said}");
    let gap = admin.entry(text(&gap, "id")).json();
    assert_eq!((&gap["details"]["dropped"], &gap["details"]["refused"]), (&json!(90), &json!(0)), "{gap:#}");
    for (field, value) in [("user", "ursula"), ("server", "crm"), ("resource_name", "crm"), ("outcome", "error")] {
        assert_eq!(text(&gap, field), value, "{gap:#}");
    }
    assert!(text(&gap, "error_message").starts_with("90 events found no room"), "{gap:#}");
}

#[test]
fn a_wrong_token_or_address_is_told_and_breaks_no_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let (call, answer) = ("{\"id\":1,\"method\":\"ping\"}\n", "{\"id\":1,\"result\":{}}\n");
    let answers = file(folder.path(), "answers", answer);
    let server = Server::start(&[]);
    let reader = server.token("uma", "user");
    let nowhere = format!("{}/nowhere", server.address());
    let closed = format!("http://127.0.0.1:{}", free_port());
    for (to, token, reason) in [
        (server.address(), "mcpa_wrong", "401 Unauthorized"),
        (server.address(), "mcpa_wrong", "give it a token that is valid there"),
        (server.address(), "", "the token is not one line"),
        (server.address(), &reader, "make one with `token create --group service`"),
        (&nowhere, &reader, "check --to"),
        (&closed, &reader, "it cannot be reached"),
    ] {
        let mut wrapped = Wrapped::start(&["--to", to, "--deliver", "0.3"], &answers, token);
        wrapped.exchange(call);
        let (ended, said) = wrapped.end();
        assert!(!ended.success() && said.contains(reason), "{to}: {said}");
        assert!(said.contains("1 event is lost: the log did not take them before the end"), "{said}");
        assert!(!said.contains("mcpa_"), "the token is printed: {said}");
    }
    for arguments in [["--to", "http://gateway.example.com"], ["--to", "gateway"], ["--token-file", "x"]] {
        let output = Command::new(binary()).arg("stdio").args(arguments).args(["--", "true"]).output().expect("run");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// A token that was wrong is replaced in its file: what waits is delivered.
#[test]
fn a_token_that_is_replaced_delivers_what_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (call, answer) = ("{\"id\":1,\"method\":\"ping\"}\n", "{\"id\":1,\"result\":{}}\n");
    let answers = file(folder.path(), "answers", answer);
    let server = Server::start(&[]);
    let token = file(folder.path(), "token", "mcpa_revoked");
    let mut wrapped =
        Wrapped::start(&["--to", server.address(), "--token-file", &token.to_string_lossy()], &answers, "");
    wrapped.exchange(call);
    fs::write(&token, server.token("umas-laptop", "service")).expect("written");
    let (ended, said) = wrapped.end();
    assert!(ended.success(), "{said}");
    assert_eq!(server.api("admin").entries("channel=stdio&method=ping").len(), 1);
}

/// How many pings the log has.
fn count(server: &Server) -> usize {
    let groups = server.api("admin").get("/api/v1/groups?by=method&channel=stdio&method=ping").json();
    groups["groups"][0]["count"].as_u64().map_or(0, |count| usize::try_from(count).expect("a number"))
}

/// A network that cuts connections and swallows answers, while one notification after the other passes.
#[test]
fn a_bad_network_neither_loses_nor_doubles() {
    const LINES: usize = 1_500;
    let folder = tempfile::tempdir().expect("a folder");
    let line = |number: usize| format!("{{\"id\":{number},\"method\":\"ping\"}}\n");
    let answers: String = (0..LINES).map(|number| format!("{{\"id\":{number},\"result\":{{}}}}\n")).collect();
    let answers = file(folder.path(), "answers", &answers);
    let server = Server::start(&[]);
    let port = server.address().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let cutter = Cutter::before(port);
    let to = format!("http://127.0.0.1:{}", cutter.port());
    let token = server.token("umas-laptop", "service");
    let mut wrapped = Wrapped::start(&["--to", &to, "--deliver", "60"], &answers, &token);
    for number in 0..LINES {
        wrapped.exchange(&line(number));
        let cut = || eventually("a connection to cut", || Some(cutter.cut()).filter(|cut| *cut > 0));
        match number % 300 {
            100 => drop(cut()),
            // What was sent may be stored, and its answer is lost.
            200 => cutter.swallow(true),
            220 => {
                cut();
                cutter.swallow(false);
                // One that began in between would wait for its answer.
                cutter.cut();
            }
            299 => eventually("all lines so far", || (count(&server) == number + 1).then_some(())),
            _ => {}
        }
    }
    let (ended, said) = wrapped.end();
    assert!(ended.success(), "{said}");
    assert!(said.matches("does not take events").count() >= LINES / 300, "{said}");
    assert_eq!(count(&server), LINES);
    assert_eq!(server.api("admin").entries("action=sender.gap").len(), 0);
}

/// A log that takes connections and never answers.
#[test]
fn a_log_that_hangs_holds_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let (call, answer) = ("{\"id\":1,\"method\":\"ping\"}\n", "{\"id\":1,\"result\":{}}\n");
    let answers = file(folder.path(), "answers", &answer.repeat(3));
    let hanging = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let to = format!("http://{}", hanging.local_addr().expect("an address"));
    let mut wrapped = Wrapped::start(&["--to", &to, "--deliver", "0.2"], &answers, "mcpa_x");
    wrapped.exchange(&call.repeat(3));
    let (ended, said) = wrapped.end();
    assert!(!ended.success() && said.contains("3 events are lost: the log did not take them before the end"), "{said}");

    // A signal ends the delivery as well, with the number.
    let mut wrapped = Wrapped::start(&["--to", &to, "--deliver", "1h"], &answers, "mcpa_x");
    wrapped.exchange(call);
    let id = wrapped.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    let (_, said) = wrapped.end();
    assert!(said.contains("1 event is lost"), "{said}");
}
