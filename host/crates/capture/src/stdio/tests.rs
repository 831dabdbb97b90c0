//! Wrapped servers: which bytes pass, what is recorded, and how wrapper and server end.

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_core::recorder::QueueLimits;
use mcp_audit_log_model::event::Event;
use mcp_audit_log_service::Options;

use super::*;

fn options() -> StdioOptions {
    StdioOptions { grace: Duration::from_millis(200), ..StdioOptions::new("s", Caller::default()) }
}

async fn through(script: &str, input: &'static [u8]) -> (i32, Vec<u8>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let command = ["sh", "-c", script].map(OsString::from).to_vec();
    let (output, mut read) = tokio::io::duplex(1 << 20);
    let options = options();
    let code = wrap(Recording::Own(log.clone()), options, command, input, output).await.expect("started");
    let mut out = Vec::new();
    read.read_to_end(&mut out).await.expect("read");
    let marker = Event::new(
        log.view().now(),
        mcp_audit_log_model::event::Channel::System,
        mcp_audit_log_model::event::Kind::System,
        mcp_audit_log_model::event::OutcomeDetail::Ok,
    );
    log.record_durably(marker).await.expect("stored");
    let access = log.view().access(&Viewer::new("r", ["admin"]));
    let page = log.view().reader(&access).page(mcp_audit_log_filter::Domain::TRUE, None, 100).expect("a page");
    let text = |entry: &mcp_audit_log_model::entry::Entry, field| entry.text(field).unwrap_or("-").to_owned();
    let mine =
        page.entries.iter().rev().filter(|entry| text(entry, mcp_audit_log_model::field::Field::Channel) == "stdio");
    let lines = mine.map(|entry| {
        format!(
            "{} {}",
            text(entry, mcp_audit_log_model::field::Field::Method),
            text(entry, mcp_audit_log_model::field::Field::OutcomeDetail)
        )
    });
    (code, out, lines.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_exit_code_pass_and_unanswered_calls_are_incomplete() {
    let script = r#"read a; printf '%s\n' 'noise'; printf '{"id":1,"result":{}}\n'; read b; cat >/dev/null; exit 7"#;
    let input = b"{\"id\":1,\"method\":\"ping\"}\n{\"id\":2,\"method\":\"tools/list\"}\n";
    let (code, out, lines) = through(script, input).await;
    assert_eq!((code, out.as_slice()), (7, b"noise\n{\"id\":1,\"result\":{}}\n".as_slice()));
    assert_eq!(lines, ["ping ok", "tools/list incomplete", "- ok"]);
}

/// A flood against a recorder that is kept busy and a queue that holds nearly nothing.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_flood_every_call_is_recorded_or_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = QueueLimits { items: 4, bytes: 1 << 20 };
    let log = Options::new(folder.path()).queue(limits).own_schedule().open().expect("a log");
    let (go, goes) = std::sync::mpsc::channel::<()>();
    log.record_later(0, move || {
        let _ = goes.recv();
        Vec::new()
    })
    .expect("taken");
    let line = format!(r#"{{"method":"notifications/x","params":{{"fill":"{}"}}}}"#, "x".repeat(1_000));
    let input: &'static [u8] = Vec::leak(format!("{line}\n").repeat(5_000).into_bytes());
    let command = ["sh", "-c", "cat >/dev/null"].map(OsString::from).to_vec();
    let (output, _read) = tokio::io::duplex(1_024);
    wrap(Recording::Own(log.clone()), options(), command, input, output).await.expect("started");
    go.send(()).expect("the recorder goes on");
    log.close();
    let view = Options::new(folder.path()).view().expect("a log");
    let access = view.access(&Viewer::new("r", ["admin"]));
    let (mut stored, mut told, mut before) = (0, 0, None);
    loop {
        let page = view.reader(&access).page(mcp_audit_log_filter::Domain::TRUE, before, 500).expect("a page");
        let Some(last) = page.entries.last() else { break };
        before = Some(last.seq);
        for entry in &page.entries {
            match entry.text(mcp_audit_log_model::field::Field::Method) {
                Some("notifications/x") => stored += 1,
                Some("log.gap") => told += entry.details["dropped"].as_u64().expect("a number"),
                _ => {}
            }
        }
    }
    assert!(told > 0 && stored > 0, "{stored} stored, {told} lost");
    assert_eq!(stored + told, 5_000, "every call is an entry or counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_any_length_passes() {
    let long: &'static [u8] = Vec::leak(
        [b"{\"method\":\"notifications/x\",\"params\":{\"a\":\"".as_slice(), &b"x".repeat(5 << 20), b"\"}}\n"].concat(),
    );
    let (code, out, lines) = through("wc -c; kill -9 $$", long).await;
    assert_eq!((code, String::from_utf8_lossy(&out).trim().parse()), (137, Ok(long.len())));
    assert_eq!(lines, ["notifications/x accepted", "- ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_gets_everything_the_server_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    // The process in the background holds the output open.
    let script = "head -c 100000 /dev/zero; sleep 5 & exit 0";
    let command = ["sh", "-c", script].map(OsString::from).to_vec();
    let (output, mut read) = tokio::io::duplex(1_024);
    let wrapped = tokio::spawn(wrap(
        Recording::Own(log),
        StdioOptions::new("s", Caller::default()),
        command,
        tokio::io::empty(),
        output,
    ));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!wrapped.is_finished());
    let mut out = Vec::new();
    read.read_to_end(&mut out).await.expect("read");
    assert_eq!(out.len(), 100_000);
    assert_eq!(wrapped.await.expect("finished").expect("started"), 0);
}

#[tokio::test]
async fn a_missing_command_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    let error = run(log, options(), vec!["no-such-command".into()]).await.expect_err("refused");
    assert!(error.to_string().contains("no-such-command"));
}

/// A pipe that every process which inherits it keeps open: its path, and a message when the last process has closed it.
#[cfg(unix)]
fn held_open(folder: &std::path::Path) -> (String, std::sync::mpsc::Receiver<Vec<u8>>) {
    let fifo = folder.join("held");
    let path = fifo.to_str().expect("text").to_owned();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    let (free, is_free) = std::sync::mpsc::channel();
    std::thread::spawn(move || free.send(std::fs::read(fifo).expect("read")));
    (path, is_free)
}

/// The time limit of a test if something is wrong.
#[cfg(unix)]
const WATCHDOG: Duration = Duration::from_secs(30);

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_sigterm_is_killed_with_its_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, is_free) = held_open(folder.path());
    let stubborn = r#"trap "" TERM INT HUP; (trap "" TERM INT HUP; exec 1>&2; while :; do sleep 60; done) & echo up; while :; do sleep 60; done"#;
    let script = format!("exec 3>{path}; {stubborn}");
    let (code, out, _) = tokio::time::timeout(WATCHDOG, through(&script, b"")).await.expect("it ends");
    assert_eq!((code, out.as_slice()), (137, b"up\n".as_slice()));
    assert_eq!(is_free.recv_timeout(WATCHDOG).expect("what it started lives on"), b"");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn leftover_processes_of_a_server_are_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, is_free) = held_open(folder.path());
    let script =
        format!("exec 3>{path}; (trap '' TERM; exec >/dev/null; while :; do sleep 60; done) & read line; exit 0");
    let (code, ..) = tokio::time::timeout(WATCHDOG, through(&script, b"\n")).await.expect("it ends");
    assert_eq!(code, 0);
    assert_eq!(is_free.recv_timeout(WATCHDOG).expect("what it left behind lives on"), b"");
}
