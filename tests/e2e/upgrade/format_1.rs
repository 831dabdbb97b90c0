//! A log of format 1 opens, and answers as it did; whatever ends the upgrade, the next start goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mcp_audit_log::Viewer;
use mcp_audit_log_tests::{Process, eventually, listed_by, product, run};
use rusqlite::Connection;
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::{KEYS, fixtures, open, restore, told, verified};

const FILE: &str = "mcp-audit.db";

fn fixture(name: &str) -> PathBuf {
    fixtures().join("format-1").join(name)
}

/// A folder with the log of the fixture.
fn old_log() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    restore(&fixture("log.sql"), &folder.path().join(FILE));
    fs::copy(fixture("signing.last"), folder.path().join("signing.last")).expect("copied");
    fs::write(folder.path().join("secret.key"), [5; 32]).expect("written");
    folder
}

/// A server that upgrades the log at its start.
fn serve(data: &Path) -> Command {
    let mut serve = product(["serve", "--listen", "127.0.0.1:0", "--data"]);
    serve.arg(data).env("MCP_AUDIT_LOG_SIGNING_KEYS", KEYS);
    serve
}

#[test]
fn a_log_of_format_1_opens_verifies_and_answers_as_it_did() {
    let folder = old_log();
    let before = fs::read(folder.path().join(FILE)).expect("the old file");
    let view = run(["list", "--data", &folder.path().to_string_lossy()]);
    let said = String::from_utf8_lossy(&view.stderr).into_owned();
    assert!(said.contains("was made by an older version; start `mcp-audit-log serve` on it once"), "{said}");
    assert!(verified(folder.path(), &[]).contains("was made by an older version"));

    let log = open(folder.path()).expect("upgraded");
    let admin = log.view().access(&Viewer::new("root", ["admin", "auditor"]));
    let holds = log.holds(&admin).expect("holds");
    assert_eq!(holds.iter().map(|hold| hold.reason.as_str()).collect::<Vec<_>>(), ["case 7"]);
    let views = log.views(&admin).expect("views");
    assert_eq!(views.iter().map(|view| view.name.as_str()).collect::<Vec<_>>(), ["failures"]);
    let settings = log.view().settings();
    let [payloads, days] = ["log_payloads", "retention_days"].map(|key| format!("{:?}", settings.get(key)));
    assert!(payloads.contains("true") && days.contains("28"), "{payloads} {days}");
    log.close();
    drop(log);

    // Nothing was changed, and what was signed before is still contained.
    assert_eq!(fs::read(folder.path().join(FILE)).expect("the old file"), before);
    let checkpoint = fixture("signing.last");
    let said = verified(folder.path(), &["--checkpoint", &checkpoint.to_string_lossy()]);
    assert!(said.starts_with("WHOLE  1541 entries, from seq 3574 to before 5115"), "{said}");
    let started = listed_by(folder.path(), "action:log.started").remove(0);
    let data = folder.path().to_string_lossy();
    let show = run(["show", started["id"].as_str().expect("an id"), "--data", &data]);
    let show = String::from_utf8_lossy(&show.stdout).into_owned();
    assert!(show.contains("\"upgraded_from_format\": 1") && show.contains("\"old_file\": \"mcp-audit.db\""), "{show}");

    let answers: Value = serde_json::from_slice(&fs::read(fixture("answers.json")).expect("answers")).expect("JSON");
    let usage = ["--from", "2026-01-01", "--to", "2026-05-01", "--by", "tool", "--by", "user", "--limit", "10"];
    let usage = told(folder.path(), "usage", &usage).remove(0);
    // Totals name their range since then.
    let old: &Map<String, Value> = answers["usage"]["totals"].as_object().expect("an object");
    old.iter().for_each(|(name, value)| assert_eq!(&usage["totals"][name], value, "{name}"));
    assert_eq!(usage["breakdowns"], answers["usage"]["breakdowns"]);
    for field in ["action", "outcome", "user", "kind"] {
        let groups = told(folder.path(), "groups", &["--to", "2026-04-15T00:00:00Z", "--by", field, "--limit", "100"]);
        let groups: Map<_, _> = groups
            .iter()
            .map(|group| {
                let name = group["keys"][field].as_str().unwrap_or("-").to_owned();
                (name, serde_json::json!([group["count"], group["errors"]]))
            })
            .collect();
        assert_eq!(Value::Object(groups), answers[format!("groups_{field}")], "{field}");
    }
    let newest =
        told(folder.path(), "list", &["--to", "2026-04-15T00:00:00Z", "--query", "-channel:system", "--limit", "3"]);
    for (new, old) in newest.iter().zip(answers["newest"].as_array().expect("entries")) {
        old.as_object().expect("an entry").iter().for_each(|(name, value)| assert_eq!(&new[name], value, "{name}"));
    }
    assert_eq!(newest.len(), 3);
}

#[test]
fn a_bundle_of_then_is_proved_with_its_payloads() {
    let bundle = fixture("bundle.jsonl");
    let name = bundle.to_string_lossy();
    let keys = fs::read_to_string(&bundle).expect("a bundle");
    let head: Value = serde_json::from_str(keys.lines().next().expect("a line")).expect("JSON");
    let keys = head["keys"].as_array().expect("keys").iter().flat_map(|key| ["--key", key.as_str().expect("a key")]);
    let output = run(["verify", "--bundle", &name].into_iter().chain(keys));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("PROVED"), "{said}");
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/verifier/bin/python");
    let second = Path::new(env!("CARGO_MANIFEST_DIR")).join("verifier/verify_bundle.py");
    let keys = head["keys"].as_array().expect("keys").iter().map(|key| key.as_str().expect("a key"));
    let output = Command::new(python).arg(second).arg(&bundle).args(keys).output().expect("the second verifier");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_upgrade_that_is_killed_anywhere_goes_on_at_the_next_start() {
    for millis in (0..8).map(|step| step * 15) {
        let folder = old_log();
        let mut server = Process::start(&mut serve(folder.path()));
        let is_there = |name: &str| folder.path().join(name).exists();
        eventually("the upgrade begins", || {
            ["mcp-audit-log.db.upgrade", "mcp-audit-log.db"].into_iter().any(is_there).then_some(())
        });
        std::thread::sleep(Duration::from_millis(millis));
        server.kill();
        goes_on(folder.path(), &format!("killed after {millis} ms"));
    }
    // And in the states that are too short to be met by chance.
    let folder = old_log();
    goes_on(folder.path(), "whole");
    let (log, copy) = (folder.path().join("mcp-audit-log.db"), folder.path().join("mcp-audit-log.db.upgrade"));
    let report = folder.path().join("upgraded.json");
    for state in ["half a copy", "a copy that is not in place", "a copy in place that is not reported"] {
        match state {
            "half a copy" => {
                let _ = fs::remove_file(&log);
                fs::write(&copy, &b"SQLite format 3\0"[..]).expect("written");
            }
            "a copy that is not in place" => {
                fs::write(&report, r#"{"from_format":1,"old_file":"mcp-audit.db","entries":1539}"#).expect("written");
                fs::rename(&log, &copy).expect("moved");
            }
            _ => fs::write(&report, r#"{"from_format":1,"old_file":"mcp-audit.db","entries":1539}"#).expect("written"),
        }
        // What a log of the new name left behind is no part of the copy.
        fs::write(folder.path().join("mcp-audit-log.db-wal"), "of another log").expect("written");
        // A log that was started since then has signed more than the old one has.
        if state != "a copy in place that is not reported" {
            fs::copy(fixture("signing.last"), folder.path().join("signing.last")).expect("copied");
        }
        goes_on(folder.path(), state);
        assert!(!report.exists() && !copy.exists(), "{state}");
    }
}

/// The log opens and is whole, and contains what was signed before the upgrade.
fn goes_on(folder: &Path, state: &str) {
    let opened = open(folder).unwrap_or_else(|error| panic!("{state}: {error}"));
    opened.close();
    drop(opened);
    let said = verified(folder, &["--checkpoint", &fixture("signing.last").to_string_lossy()]);
    assert!(said.starts_with("WHOLE"), "{state}: {said}");
}

#[test]
fn an_old_log_that_is_not_whole_is_refused_and_left_as_it_is() {
    for (change, expected) in [
        ("UPDATE entry SET duration_us = 1 WHERE seq = 4000", "does not match the hash in the ledger"),
        ("DELETE FROM payload WHERE seq = (SELECT max(seq) FROM payload)", "no entry reports its erasure"),
        ("UPDATE term SET text = 'sarch' WHERE text = 'search'", "does not match the hash in the ledger"),
        ("DELETE FROM entry WHERE seq = 4001", "the entry is missing"),
    ] {
        let folder = old_log();
        let database = Connection::open(folder.path().join(FILE)).expect("a database");
        let drop_triggers = "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'";
        let triggers: Vec<String> = {
            let mut statement = database.prepare(drop_triggers).expect("read");
            statement.query_map([], |row| row.get(0)).expect("read").collect::<Result<_, _>>().expect("read")
        };
        triggers.iter().for_each(|sql| database.execute_batch(sql).expect("dropped"));
        assert!(database.execute(change, []).expect("changed") > 0, "{change}");
        drop(database);
        let before = fs::read(folder.path().join(FILE)).expect("the old file");
        let error = open(folder.path()).map(drop).expect_err(change).to_string();
        assert!(error.contains(expected) && error.contains("cannot be upgraded"), "{change}: {error}");
        assert_eq!(fs::read(folder.path().join(FILE)).expect("the old file"), before, "{change}");
        for made in ["mcp-audit-log.db", "mcp-audit-log.db.upgrade"] {
            assert!(!folder.path().join(made).exists(), "{change}: {made}");
        }
    }
}

#[test]
fn a_log_of_a_newer_version_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()).expect("a new log"));
    let database = Connection::open(folder.path().join("mcp-audit-log.db")).expect("a database");
    database.pragma_update(None, "user_version", 99).expect("written");
    drop(database);
    let error = open(folder.path()).map(drop).expect_err("refused").to_string();
    assert!(error.contains("a newer version made it; install that version or a later one"), "{error}");
}
