//! A lake of a server that is killed while it seals: every entry is in it once, and the command proves it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcp_audit_log_tests::fault::Dice;
use mcp_audit_log_tests::{eventually, product};

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
