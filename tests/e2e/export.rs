//! Exports on the command line, opened by common tools, and the file of an aborted one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options, Viewer};
use mcp_audit_log_tests::{Server, run};
use serde_json::{Value, json};

/// Texts that are difficult for faulty readers.
const HOSTILE: &[&str] = &[
    "plain",
    "a,\"quoted\"\r\nvalue",
    "=HYPERLINK(\"http://example.org\",\"click\")",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\ttab",
    "'apostrophe",
    "\u{202e}bidi\u{2066}",
    "grüße 🎉",
    "\u{feff}mark",
    "\u{2028}line\u{2029}paragraph\u{85}",
    "null",
    "NaN",
    "0012",
    "true",
    " blanks ",
    "\\N \\\" \\u0000",
];

fn export(data: &Path, format: &str, file: &Path, more: &[&str]) -> std::process::Output {
    let (data, file) = (data.to_string_lossy(), file.to_string_lossy());
    run([&["export", "--data", &data, "--format", format, "--output", &file], more].concat())
}

fn succeeded(output: &std::process::Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A log with a row for each of these texts, and the expected values.
fn log(folder: &Path, texts: &[String]) -> Vec<Value> {
    let log = open_with_payloads(folder);
    let rows = texts.iter().zip(0..).map(|(text, number)| record(&log, text, number)).collect();
    log.close();
    rows
}

fn open_with_payloads(folder: &Path) -> AuditLog {
    let log = Options::new(folder).own_schedule().open().expect("a log");
    let admin = Viewer { user: "root".into(), groups: vec!["admin".into()], instance: None };
    let on = json!({ "log_payloads": true });
    log.change_settings(&log.view().access(&admin), on.as_object().expect("an object")).expect("payloads on");
    log
}

fn record(log: &AuditLog, text: &str, number: u64) -> Value {
    let mut event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    event.method = Some("tools/call".into());
    event.target = Some(Target::Tool(text.into()));
    event.caller.user = Some(text.into());
    event.duration_us = Some(number);
    let body = format!("{text}\0{}", "x".repeat(10_000));
    // Every other one has a payload.
    let request = number.is_multiple_of(2).then(|| Body::whole(body.clone()));
    let kept = request.is_some();
    event.payload = request.map(|request| Payload { request: Some(request), response: None });
    let row = json!({
        "tool": text, "user": text, "duration_us": number, "occurred_at": event.occurred_at.to_string(),
        "has_payload": kept, "request": kept.then_some(body), "response": null,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(log.record_durably(event)).expect("recorded");
    row
}

#[test]
fn duckdb_and_pandas_read_back_what_was_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let rows = log(&data, &HOSTILE.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    fs::write(folder.path().join("rows.json"), Value::from(rows).to_string()).expect("written");
    for format in ["csv", "jsonl", "parquet"] {
        let file = folder.path().join(format!("export.{format}"));
        succeeded(&export(&data, format, &file, &["--group", "auditor", "--payloads", "--method", "tools/call"]));
    }
    let output = Command::new(python()).arg(root().join("tests/readers/read.py")).arg(folder.path()).output();
    let output = output.expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 6, "two tools, three formats");
}

#[test]
fn a_file_has_a_manifest_and_is_replaced_only_with_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("out.jsonl"));
    log(&data, &["one".to_owned(), "two".to_owned()]);
    succeeded(&export(&data, "jsonl", &file, &["tool:one", "--columns", "tool"]));
    assert_eq!(fs::read_to_string(&file).expect("the file"), "{\"tool\":\"one\"}\n");
    let manifest: Value =
        serde_json::from_slice(&fs::read(folder.path().join("out.jsonl.manifest.json")).expect("one")).expect("JSON");
    assert_eq!((&manifest["rows"], &manifest["bytes"]), (&json!(1), &json!(15)));
    let again = export(&data, "jsonl", &file, &[]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("--force"));
    succeeded(&export(&data, "jsonl", &file, &["--force", "--columns", "seq,action"]));
    let text = fs::read_to_string(&file).expect("the file");
    assert!(text.contains("export.completed"), "the first export is an entry: {text}");
    assert!(text.contains("log.started") && !text.contains("partial"));
    assert_eq!(names(folder.path()), ["data", "out.jsonl", "out.jsonl.manifest.json"]);
}

#[test]
fn a_refused_export_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("out.csv"));
    log(&data, &["one".to_owned()]);
    for (more, word) in [
        (&["--group", "user"][..], "not allowed to export entries"),
        (&["--payloads"], "not allowed to export payloads"),
        (&["--columns", "response"], "not allowed to export payloads"),
        (&["--columns", "nonsense"], "unknown column"),
        (&["tol:x"], "tol"),
    ] {
        let output = export(&data, "csv", &file, more);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(word), "{more:?}: {told}");
        assert_eq!(names(folder.path()), ["data"], "{more:?}");
    }
    let nowhere = export(&folder.path().join("nothing"), "csv", &file, &[]);
    assert!(!nowhere.status.success());
    assert_eq!(names(folder.path()), ["data"], "no log is made by exporting one");
}

/// Runs a command and prints its peak memory, in kilobytes.
const PEAK: &str = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); \
                    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
/// Texts that differ from each other, so that they compress badly.
const BODIES: usize = 800;
const LENGTH: usize = 60_000;
/// The additional memory that an export may take, compared with a command that exports nothing, in kilobytes: less than
/// the size of the texts.
const MOST: u64 = 32 << 10;

#[cfg(target_os = "linux")]
#[test]
fn a_file_larger_than_memory_is_made_piece_by_piece() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    with_bodies(&data);
    for format in ["csv", "jsonl", "parquet"] {
        let file = folder.path().join(format!("out.{format}"));
        let nothing = peak(&data, format, &file, "tool:nothing");
        let all = peak(&data, format, &file, "tool:bodies");
        let length = fs::metadata(&file).expect("the file").len();
        assert!(length > 15 << 20, "{format}: only {length} bytes");
        assert!(all < nothing + MOST, "{format}: {all} KiB for a file of {length} bytes, {nothing} KiB for none");
    }
}

fn peak(data: &Path, format: &str, file: &Path, query: &str) -> u64 {
    let mut command = Command::new(python());
    command.args(["-c", PEAK]).arg(mcp_audit_log_tests::binary()).arg("export").arg(query);
    command.args(["--payloads", "--group", "auditor", "--force", "--format", format]);
    let output = command.arg("--data").arg(data).arg("--output").arg(file).output().expect("Python");
    succeeded(&output);
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn with_bodies(folder: &Path) {
    let log = open_with_payloads(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut random = 1_u64;
    for _ in 0..BODIES / 100 {
        let events: Vec<_> = (0..100).map(|_| with_body(&mut random)).collect();
        let stored = runtime.block_on(log.record_all(events, 100 * LENGTH)).expect("room");
        assert!(stored.iter().all(Result::is_ok));
    }
    log.close();
}

fn with_body(random: &mut u64) -> Event {
    let mut letter = || {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b"abcdefghijklmno "[(*random >> 60) as usize] as char
    };
    let body = Body::whole((0..LENGTH).map(|_| letter()).collect::<String>());
    let mut event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    event.target = Some(Target::Tool("bodies".into()));
    event.payload = Some(Payload { request: None, response: Some(body) });
    event
}

/// Beside a server, metadata is exported and payloads are not.
#[test]
fn an_export_beside_a_server_reports_that_it_is_not_recorded() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.csv");
    let output = export(&server.data(), "csv", &file, &[]);
    succeeded(&output);
    assert!(String::from_utf8_lossy(&output.stderr).contains("not recorded"));
    let manifest = fs::read_to_string(folder.path().join("out.csv.manifest.json")).expect("a manifest");
    assert!(manifest.contains("\"export\": null"), "{manifest}");
    let with_payloads = folder.path().join("payloads.csv");
    let refused = export(&server.data(), "csv", &with_payloads, &["--payloads", "--group", "auditor"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("in use"));
    assert_eq!(names(folder.path()), ["out.csv", "out.csv.manifest.json"]);
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = names.map(|item| item.expect("an item").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn python() -> PathBuf {
    let program = root().join("target/readers/bin/python");
    assert!(program.is_file(), "{} is missing: run tests/run first", program.display());
    program
}
