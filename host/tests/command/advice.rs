//! The message of each subcommand about bad input: what failed, and what to do.

use std::path::Path;
use std::process::Command;

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options};

/// The exit code, and the whole output.
fn run(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-audit-log"));
    command.args(arguments).current_dir(data.parent().expect("a parent")).env("MCP_AUDIT_LOG_DATA", data);
    for name in ["MCP_AUDIT_LOG_CONFIG", "MCP_AUDIT_LOG_POLICY", "MCP_AUDIT_LOG_LISTEN", "MCP_AUDIT_LOG_METRICS"] {
        command.env_remove(name);
    }
    let output = command.output().expect("it runs");
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).expect("text"))
}

fn refuses(data: &Path, code: i32, arguments: &[&str], words: &[&str]) {
    let (found, said) = run(data, arguments);
    assert_eq!(found, Some(code), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} lacks {word:?}: {said}");
    }
}

fn log_with_an_entry(data: &Path) -> (AuditLog, String) {
    let log = Options::new(data).own_schedule().open().expect("a log");
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let id = event.id.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(log.record_durably(event)).expect("recorded");
    (log, id)
}

#[test]
fn invalid_values_are_refused_with_an_example() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("none");
    for (arguments, words) in [
        (&["serve", "--listen", "8701"][..], &["write one such as 127.0.0.1:8701"][..]),
        (&["serve", "--listen", "localhost:8702"], &["write one such as 127.0.0.1:8702"]),
        (&["serve", "--metrics", "9464"], &["write one such as 127.0.0.1:9464"]),
        (&["serve", "--idle-timeout", "soon"], &["not a number of seconds, such as 30", "500ms or 5m"]),
        (&["serve", "--idle-timeout", "1500ms"], &["write 30 or 5m, or 0 for no limit"]),
        (&["serve", "--upstream", "x"], &["write NAME=URL"]),
        (&["show", "nope"], &["copy one from the column ID of `mcp-audit-log list`"]),
        (&["erase", "nope", "--reason", "x"], &["copy one from the column ID of `mcp-audit-log list`"]),
        (&["proof", "entry", "nope"], &["copy one from the column ID of `mcp-audit-log list`"]),
        (&["match", "--entry", "nope", "--request", "f"], &["copy one from the column ID of `mcp-audit-log list`"]),
        (&["list", "-user:uma"], &["write '!user:uma'", "--query '-user:uma'"]),
        (&["groups", "--by", "nope"], &["not a field to group by; use one of: day, channel"]),
        (&["export", "--format", "xml", "--output", "f"], &["csv, jsonl, parquet"]),
        (&["lsit"], &["similar subcommand exists: 'list'"]),
        (&["token", "crate"], &["similar subcommand exists: 'create'"]),
    ] {
        refuses(&data, 2, arguments, words);
    }
    for (arguments, words) in [
        (
            &["serve", "--config", "nope.toml"][..],
            &["nope.toml cannot be read", "check the path that --config names"][..],
        ),
        (&["serve", "--policy", "nope.wasm"], &["nope.wasm cannot be read", "check the path that --policy names"]),
        (&["list"], &["no log in", "`mcp-audit-log serve` creates one", "--data"]),
        (&["token", "list"], &["no tokens in", "--data"]),
        (&["token", "create", "--user", "u", "--group", "user", "--expires", "-1d"], &["write a duration such as 90d"]),
    ] {
        refuses(&data, 1, arguments, words);
    }
    for (arguments, words) in [
        (&["verify"][..], &["no log in"][..]),
        (&["verify", "--checkpoint", "no.note"], &["no.note cannot be read", "check the path that --checkpoint names"]),
        (&["verify", "--bundle", "no.jsonl"], &["check the path that --bundle names"]),
        (&["verify", "--proof", "no.proof", "--key", "x"], &["not a verification key; one looks like"]),
    ] {
        refuses(&data, 2, arguments, words);
    }
    assert!(!data.exists(), "nothing is made by asking");
}

#[test]
fn a_missing_right_is_reported_with_the_groups_that_have_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("log");
    let (log, id) = log_with_an_entry(&data);
    drop(log);
    let as_user = ["--as", "zoe", "--group", "user"];
    let auditors = "the groups with the right are auditor; name one with --group";
    let admins = "the groups with the right are admin, owner, super-admin";
    for (arguments, words) in [
        (&["export", "--format", "csv", "--output", "x.csv"][..], &["not allowed to export entries", "auditor"][..]),
        (&["bundle", "-o", "x.jsonl"], &["not allowed to export entries", "admin, owner, super-admin, auditor"]),
        (&["erase", &id, "--reason", "x"], &["not allowed to", "the groups with the right are "]),
        (&["show", &id, "--payload"], &["not allowed to read payloads", auditors]),
        (&["checkpoint"], &["the groups with the right are admin, owner, super-admin"]),
        (&["proof", "consistency", "1"], &["the groups with the right are "]),
    ] {
        refuses(&data, 1, &[arguments, &as_user].concat(), words);
    }
    refuses(&data, 1, &["erase", &id, "--reason", "x", "--group", "auditor"], &["not allowed to", admins]);
    refuses(&data, 1, &["list", "--group", "nosuch"], &["not allowed to read entries", "user, power-user"]);
    refuses(&data, 1, &["usage", "--group", "service"], &["the groups with the right are ", "billing-admin"]);
    let both = ["--group", "admin", "--group", "auditor"];
    refuses(&data, 1, &[&["erase", &id, "--reason", "x"][..], &both].concat(), &["no payload of", "show"]);
    refuses(&data, 1, &["show", &id, "--as", "zoe", "--group", "user"], &["no entry", "--as, --group", "list"]);
    refuses(&data, 1, &["list", "--from", "soon"], &["\"soon\" is not a time; use 2026-11-21T02:09:46Z"]);
    refuses(
        &data,
        1,
        &["bundle", "--recorded-from", "soon", "-o", "x.jsonl"],
        &["--recorded-from: \"soon\" is not a time"],
    );
    refuses(&data, 1, &["bundle", "-o", "none/x.jsonl"], &["cannot be written", "name another file with --output"]);
    refuses(&data, 1, &["token", "revoke", "u"], &["no tokens in"]);
    let made = run(&data, &["token", "create", "--user", "u", "--group", "nosuch"]).1;
    assert!(made.contains("no group \"nosuch\". Its groups: user, power-user"), "{made}");
    assert_eq!(run(&data, &["token", "revoke", "u"]).0, Some(0));
    refuses(&data, 1, &["token", "revoke", "u"], &["no token \"u\": it was revoked", "token list"]);
    // Times before now begin with a hyphen.
    let (code, said) = run(&data, &["bundle", "--recorded-from", "-7d", "--recorded-to", "today", "-o", "week.jsonl"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("entries from seq 0 to "), "{said}");
}

#[test]
fn a_folder_or_port_in_use_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("log");
    let (log, id) = log_with_an_entry(&data);
    for arguments in [&["stdio", "--", "true"][..], &["key", "rotate"], &["erase", &id, "--reason", "x"]] {
        refuses(&data, 1, arguments, &["in use by another process", "--data"]);
    }
    drop(log);
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("an address").to_string();
    refuses(&data, 1, &["serve", "--listen", &address], &["cannot listen on", "--listen"]);
}

/// If a command opened the log and then fails, the stop of the log is still recorded.
#[test]
fn a_failed_command_stops_the_log_cleanly() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = port.local_addr().expect("an address").to_string();
    for (name, arguments, words) in [
        ("stdio", &["stdio", "--", "no-such-command"][..], &["no-such-command cannot be started"][..]),
        ("serve", &["serve", "--listen", "127.0.0.1:0", "--metrics", &taken], &["cannot listen on", "--metrics"]),
    ] {
        let data = folder.path().join(name);
        refuses(&data, 1, arguments, words);
        let (_, listed) = run(&data, &["list", "--format", "json"]);
        let newest = listed.lines().next().expect("an entry");
        assert!(newest.contains("\"log.stopped\""), "{name}: {newest}");
    }
}
