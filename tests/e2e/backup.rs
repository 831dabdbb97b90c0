//! Backups of a server under load: whole, complete up to their moment, never half, and restored elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mcp_audit_log_tests::fault::Dice;
use mcp_audit_log_tests::{Server, assert_plain, binary, eventually, listed, listed_by, run, token_in};

/// Events that are sent without a pause, numbered by their tools.
struct Load {
    acknowledged: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Load {
    fn on(server: &Server) -> Self {
        let (acknowledged, ends) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, ended, sender) = (Arc::clone(&acknowledged), Arc::clone(&ends), server.api("service"));
        let thread = std::thread::spawn(move || {
            for number in (0..).step_by(50).take_while(|_| !ended.load(Ordering::Relaxed)) {
                let event = |number: u64| {
                    serde_json::json!({"channel": "mcp", "method": "tools/call", "tool": format!("t{number}"),
                        "status_code": 200, "payload": {"request": {"n": number}}})
                };
                let events: Vec<_> = (number..number + 50).map(event).collect();
                let sent = sender.post("/api/v1/events", serde_json::Value::from(events).to_string());
                assert_eq!(sent.status, 200, "{}", sent.text);
                counted.store(number + 50, Ordering::Release);
            }
        });
        Self { acknowledged, ends, thread }
    }

    /// How many events are stored for sure.
    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("it sent without an error");
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn told(output: &Output) -> (Option<i32>, String) {
    let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_plain(&all);
    (output.status.code(), all)
}

fn back_up(data: &Path, into: &Path) -> PathBuf {
    let output = run(["backup", &text(into), "--data", &text(data)]);
    let (code, all) = told(&output);
    assert_eq!(code, Some(0), "{all}");
    assert!(all.contains("WHOLE"), "{all}");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).lines().next().expect("a path"))
}

fn restore(from: &Path, to: &Path, more: &[&str]) -> (Option<i32>, String) {
    let (from, to) = (text(from), text(to));
    told(&run(["restore", &from, "--data", &to].into_iter().chain(more.iter().copied())))
}

#[test]
fn a_backup_under_load_is_whole_and_is_restored_elsewhere() {
    let mut server = Server::start(&[]);
    server.api("admin").set(serde_json::json!({ "log_payloads": true }));
    let (data, place) = (server.data(), tempfile::tempdir().expect("a folder"));
    let (into, restored) = (place.path().join("backups"), place.path().join("restored"));
    token_in(&data, "uma", &["user"], "laptop");
    let load = Load::on(&server);
    eventually("the load has begun", || (load.acknowledged() > 0).then_some(()));
    let first = back_up(&data, &into);
    let before = load.acknowledged();
    let second = back_up(&data, &into);
    assert_ne!(first, second, "each has a folder of its own");
    load.end();
    assert!(server.stop().success(), "it stops");
    // The newest is taken, and what it lacks is named.
    let (code, all) = restore(&into, &restored, &["--checkpoint", &text(&data.join("signing.last"))]);
    assert_eq!(code, Some(0), "{all}");
    assert!(all.contains("WHOLE") && all.contains("LOST   "), "{all}");
    assert_eq!(listed_by(&restored, &format!("tool:t{}", before - 1)).len(), 1, "{before} were there before it: {all}");
    let lost = |data: &Path| listed(data)[0]["seq"].as_u64().expect("a seq");
    let last = lost(&restored);
    assert!(all.contains(&format!("from seq {} to ", last + 1)), "after {last}: {all}");
    let (code, all) = told(&run(["verify", "--data", &text(&restored)]));
    assert_eq!(code, Some(0), "{all}");
    // It goes on: payloads and tokens are there, and its next start says where it comes from.
    let listing = told(&run(["token", "list", "--data", &text(&restored)])).1;
    assert!(listing.contains("uma"), "{listing}");
    let mut again = Server::at(&restored);
    assert!(again.stop().success(), "it stops");
    drop(again);
    drop(Server::at(&restored));
    let starts = listed_by(&restored, "action:log.started");
    let said = |start: &serde_json::Value| {
        let id = start["id"].as_str().expect("an id");
        told(&run(["show", id, "--data", &text(&restored)])).1.contains(&format!("\"restored_size\": {}", last + 1))
    };
    let said: Vec<_> = starts.iter().map(said).collect();
    assert_eq!(said, [false, true, false], "only the first start after it says so: {starts:?}");
}

#[test]
fn a_killed_backup_leaves_the_others_as_they_are_and_the_next_goes_on() {
    let server = Server::start(&[]);
    let (data, place) = (server.data(), tempfile::tempdir().expect("a folder"));
    let into = place.path().join("backups");
    let load = Load::on(&server);
    let began = Instant::now();
    back_up(&data, &into);
    let long = u64::try_from(began.elapsed().as_micros()).expect("not so long");
    let mut dice = Dice::new("a_killed_backup");
    let mut killed = 0;
    for _ in 0..10 {
        let mut command = Command::new(binary());
        command.args(["backup", &text(&into), "--data", &text(&data)]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        // Any moment of its life.
        std::thread::sleep(Duration::from_micros(dice.below(long)));
        child.kill().expect("killed");
        killed += usize::from(child.wait().expect("gone").code().is_none());
    }
    assert!(killed > 0, "some were still running");
    back_up(&data, &into);
    load.end();
    for path in fs::read_dir(&into).expect("backups").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            assert!(!path.ends_with("unfinished"), "{}", path.display());
            let to = place.path().join("restored").join(path.file_name().expect("a name"));
            let (code, all) = restore(&path, &to, &[]);
            assert_eq!(code, Some(0), "{all}");
        } else {
            assert!(path.ends_with("backup.lock"), "{}", path.display());
        }
    }
}

#[test]
fn a_changed_backup_and_a_full_folder_are_refused() {
    let server = Server::start(&[]);
    server.api("service").post("/api/v1/events", r#"[{"channel":"mcp","method":"ping"}]"#);
    let (data, place) = (server.data(), tempfile::tempdir().expect("a folder"));
    let backup = back_up(&data, &place.path().join("backups"));
    let to = place.path().join("restored");
    let (code, all) = restore(&backup, &data, &[]);
    assert!(code == Some(1) && all.contains("is not empty"), "{all}");
    let (code, all) = restore(&place.path().join("nothing"), &to, &[]);
    assert!(code == Some(1) && all.contains("nothing"), "{all}");
    fs::create_dir(place.path().join("empty")).expect("made");
    let (code, all) = restore(&place.path().join("empty"), &to, &[]);
    assert!(code == Some(1) && all.contains("no backup"), "{all}");
    let mut other = Server::start(&[]);
    for _ in 0..5 {
        other.api("service").post("/api/v1/events", r#"[{"channel":"mcp","method":"ping"}]"#);
    }
    assert!(other.stop().success(), "it stops");
    let (code, all) = restore(&backup, &to, &["--checkpoint", &text(&other.data().join("signing.last"))]);
    assert!(code == Some(1) && all.contains("not signed by the keys of this log") && !to.exists(), "{all}");
    for name in ["tokens.db", "secret.key", "signing.last", "mcp-audit-log.db"] {
        let path = backup.join(name);
        let whole = fs::read(&path).expect("a file");
        let mut other = whole.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        for bytes in [&other[..], &whole[..middle], b""] {
            fs::write(&path, bytes).expect("written");
            let (code, all) = restore(&backup, &to, &[]);
            assert!(code == Some(1) && all.contains(name) && all.contains("was changed"), "{name}: {all}");
            assert!(!to.exists(), "nothing is left of it");
        }
        fs::write(&path, whole).expect("written");
    }
    let (code, all) = restore(&backup, &to, &[]);
    assert_eq!(code, Some(0), "{all}");
}
