//! Strict recording under kills: every request that the upstream saw has an entry.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use mcp_audit_log::Options;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
#[cfg(target_os = "linux")]
use mcp_audit_log_tests::fault::Image;
use mcp_audit_log_tests::fault::{rows, verified};
use mcp_audit_log_tests::{Process, READY, eventually, product};

const ROUNDS: u64 = 4;
const CLIENTS: usize = 8;
/// The number of calls that the server has seen at the kill, which then hits other calls at any stage.
const BEFORE_THE_KILL: usize = 60;

/// The ids of the calls that a server has seen.
type Seen = Arc<Mutex<BTreeSet<String>>>;

/// A server that records each call before it answers.
fn counting_server() -> (String, Seen) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("an address"));
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&all);
            // The proxy is killed at any time; a half-sent request was not seen.
            thread::spawn(move || drop(answer(stream, &seen)));
        }
    });
    (url, seen)
}

fn answer(mut stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        let header = line.to_ascii_lowercase();
        length = header.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().expect("a length"));
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let call: serde_json::Value = serde_json::from_slice(&body)?;
    seen.lock().expect("nobody panicked").insert(call["id"].as_str().expect("an id").to_owned());
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, call["id"]);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    )
}

fn start(data: &Path, upstream: &str) -> (Process, String) {
    let mut command = product(["serve", "--listen", "127.0.0.1:0", "--open", "--strict", "--data"]);
    command.arg(data).arg("--upstream").arg(format!("it={upstream}"));
    let mut process = Process::start(&mut command);
    let address = process.line_after(READY).trim_end_matches('/').to_owned();
    (process, format!("{address}/mcp/it"))
}

/// Calls a tool; returns the status.
fn call(url: &str, id: &str) -> Result<u16, ureq::Error> {
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"name":"count","arguments":{{}}}}}}"#
    );
    let post = ureq::post(url).config().http_status_as_error(false).build();
    Ok(post.header("content-type", "application/json").send(call)?.status().as_u16())
}

/// On a full disk, a call is either recorded and forwarded, or answered with 503 and never seen by the server.
#[test]
#[cfg(target_os = "linux")]
fn on_a_full_disk_the_server_sees_only_recorded_calls() {
    let Some(image) = Image::new(32) else { return };
    let (upstream, seen) = counting_server();
    let (mut process, url) = start(&image.log(), &upstream);
    let saw = |id: &str| seen.lock().expect("nobody panicked").contains(id);
    let mut refused = 0;
    let mut send = |id: String| {
        let status = call(&url, &id).expect("an answer");
        assert_eq!((status, saw(&id)), if status == 200 { (200, true) } else { (503, false) }, "call {id}");
        refused += u32::from(status == 503);
        refused
    };
    assert_eq!(send("before".to_owned()), 0);
    let ballast = image.fill(0);
    // Some still fit into the room that the database has taken already.
    let mut next = 0..;
    eventually("refusals", || next.next().map(|n| send(format!("full-{n}"))).filter(|refused| *refused > 20));
    drop(ballast);
    eventually("the call passes again", || (call(&url, "after").expect("an answer") == 200).then_some(()));
    process.stop();
    verified(&image.log());
    let log = Options::new(image.log()).view().expect("a log");
    let entries = rows(&log);
    for id in seen.lock().expect("nobody panicked").iter() {
        let of_call: Vec<_> = entries.iter().filter(|entry| entry.text(Field::RequestId) == Some(id)).collect();
        let kinds: Vec<_> = of_call.iter().filter_map(|entry| entry.text(Field::Kind)).collect();
        assert!(kinds.contains(&"intent") && kinds.contains(&"request"), "call {id}: {kinds:?}");
    }
}

#[test]
fn every_call_the_server_saw_has_an_entry_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (upstream, seen) = counting_server();
    let next = Arc::new(AtomicU64::new(0));
    for round in 0..ROUNDS {
        let (mut process, url) = start(&data, &upstream);
        let before = seen.lock().expect("nobody panicked").len();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (url, next) = (url.clone(), Arc::clone(&next));
                thread::spawn(move || {
                    // Until the proxy has ended.
                    loop {
                        let id = next.fetch_add(1, Ordering::Relaxed).to_string();
                        if call(&url, &id).is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        let enough = before + BEFORE_THE_KILL + 7 * usize::try_from(round).expect("a small number");
        eventually("enough calls", || (seen.lock().expect("nobody panicked").len() >= enough).then_some(()));
        let killed = Command::new("sh").args(["-c", "kill -KILL \"$0\"", &process.id().to_string()]).status();
        assert!(killed.expect("a shell").success());
        process.wait();
        clients.into_iter().for_each(|client| client.join().expect("a client ends"));
    }
    // The start after a kill records the ends that it left out.
    let (mut process, _) = start(&data, &upstream);
    process.stop();
    verified(&data);
    let log = Options::new(&data).view().expect("a log");
    let entries = rows(&log);
    let recorded: BTreeSet<_> = entries.iter().filter_map(|entry| entry.text(Field::RequestId)).collect();
    let seen = seen.lock().expect("nobody panicked");
    assert!(seen.len() >= BEFORE_THE_KILL * usize::try_from(ROUNDS).expect("a small number"));
    let missing: Vec<_> = seen.iter().filter(|id| !recorded.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "of {} calls that the server saw these have no entry: {missing:?}", seen.len());
    let ends = |intent: &Entry| {
        let call = intent.details["call"].as_str().expect("an id");
        entries.iter().filter(|entry| entry.id.to_string() == call).count()
    };
    let intents: Vec<_> = entries.iter().filter(|entry| entry.text(Field::Kind) == Some("intent")).collect();
    assert!(intents.len() >= seen.len());
    assert!(intents.iter().all(|intent| ends(intent) == 1), "each intent has one end");
}
