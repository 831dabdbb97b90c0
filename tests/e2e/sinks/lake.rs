//! A lake of a server that is killed while it seals: every entry is in it once, and the command proves it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mcp_audit_log_tests::fault::Dice;
use mcp_audit_log_tests::{eventually, product};
use serde_json::{Value, json};

use crate::support::{Running, Subject};

/// How often the server is killed.
const KILLS: usize = 6;
const CONFIG: &str = "[lake]\nurl = \"lake\"\ngroups = [\"auditor\"]\nclose_seconds = 1\n";

/// The objects in a lake that end so, sorted.
fn objects(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).expect("a folder") {
            let path = item.expect("an item").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.to_string_lossy().ends_with(ending) => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// The exit code of `verify --lake`, and what it prints.
fn verify(lake: &Path, keys: &[String]) -> (Option<i32>, String) {
    let mut command = product(["verify", "--lake"]);
    command.arg(lake).args(keys.iter().flat_map(|key| ["--key", key]));
    let output = command.output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn keys(data: &Path) -> Vec<String> {
    let output = product(["key", "list", "--data"]).arg(data).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let keys = text.split_whitespace().filter(|word| word.matches('+').count() >= 2).map(str::to_owned);
    keys.collect()
}

fn has_everything(subject: &Subject, running: &Running) {
    eventually("the lake has everything", || {
        let (fine, list) = subject.command(&["list", "--config", subject.config().to_str().expect("a path")]);
        (fine && list.contains(&format!("OK, has everything below seq {},", running.next()))).then_some(())
    });
}

#[test]
fn every_entry_is_in_the_lake_once_however_often_the_server_is_killed() {
    let mut dice = Dice::new("lake");
    let subject = Subject::new(CONFIG, &[]);
    let lake = subject.config().with_file_name("lake");
    fs::create_dir(&lake).expect("a folder");
    for _ in 0..KILLS {
        let mut running = subject.start();
        running.record(30 + dice.below(60) as usize, "page");
        // Each second ends a segment, so some kill comes between the rows and the manifest, or before the watermark.
        let before = objects(&lake, "").len();
        let wanted = before + dice.below(3) as usize;
        eventually("objects of the lake", || (objects(&lake, "").len() >= wanted).then_some(()));
        std::thread::sleep(Duration::from_micros(dice.below(3_000)));
        running.process.kill();
    }
    let mut running = subject.start();
    has_everything(&subject, &running);
    let entries = running.next();
    let keys = keys(&subject.data());
    assert_eq!(keys.len(), 2, "{keys:?}");
    let (code, said) = verify(&lake, &keys);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("with {entries} entries, from seq 0 to {}", entries - 1)), "{said}");
    assert!(objects(&lake, "").iter().all(|path| !path.to_string_lossy().ends_with(".partial")));
    let (code, said) = verify(&lake, &[]);
    assert!(code == Some(3) && said.contains("UNPROVED") && said.contains("get the logs' keys"), "{said}");
    assert!(running.process.stop().success());

    let rows = objects(&lake, ".parquet").remove(0);
    let mut bytes = fs::read(&rows).expect("read");
    bytes[9] ^= 1;
    fs::write(&rows, bytes).expect("written");
    let (code, said) = verify(&lake, &keys);
    assert!(code == Some(1) && said.contains("WRONG  the object log=") && said.contains("was changed"), "{said}");
    let (code, said) = verify(&lake.join("nothing"), &keys);
    assert!(code == Some(2) && said.contains("is missing: create it"), "{said}");
    let test = ["test", "lake", "--config", subject.config().to_str().expect("a path")].map(str::to_owned);
    let (fine, said) = subject.command(&test.each_ref().map(String::as_str));
    assert!(fine && said.contains("can be read and has"), "{said}");
}

/// Every entry that the administrator sees, oldest first.
fn all(running: &Running) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let page = running.admin.get(&format!("/api/v1/entries?limit=500{next}")).json();
        all.extend(page["entries"].as_array().expect("entries").iter().cloned());
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => {
                all.reverse();
                return all;
            }
        }
    }
}

#[test]
fn duckdb_pyarrow_and_delta_read_what_the_api_answers() {
    let subject = Subject::new(CONFIG, &[]);
    let lake = subject.config().with_file_name("lake");
    fs::create_dir(&lake).expect("a folder");
    let running = subject.start();
    for marker in ["=1+1", "gr\u{fc}\u{df}e \u{1f389}", "a,\"quoted\"\r\nvalue", "null"] {
        let event = json!({
            "channel": "admin", "method": "page.updated", "outcome": "success", "resource_id": marker, "user": "ada",
            "request_bytes": 17
        });
        let answer = running.service.post("/api/v1/events", json!(vec![event; 300]).to_string());
        assert_eq!(answer.status, 200, "{:.300}", answer.text);
    }
    has_everything(&subject, &running);
    let rows = all(&running);
    assert!(rows.len() >= 1_200, "{}", rows.len());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/readers/bin/python");
    assert!(python.is_file(), "{} is missing: run tests/run first", python.display());
    let mut command = std::process::Command::new(python);
    command.arg(root.join("tests/readers/lake.py")).arg(&lake);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("Python");
    let mut input = process.stdin.take().expect("its input");
    input.write_all(Value::from(rows).to_string().as_bytes()).expect("written");
    drop(input);
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3, "three readers");
    // A table over the same files changes none of them.
    let (code, said) = verify(&lake, &keys(&subject.data()));
    assert_eq!(code, Some(0), "{said}");
}
