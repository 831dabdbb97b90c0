//! Logs that older versions wrote open, verify, and answer as they did.

mod format_1;
mod releases;

use std::fs;
use std::path::{Path, PathBuf};

use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::{AuditLog, OpenError, Options};
use mcp_audit_log_tests::run;
use rusqlite::Connection;
use serde_json::Value;

/// The keys of the logs in fixtures/: they are no secret.
const KEYS: &str = include_str!("../../fixtures/keys");

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The keys of the fixtures, so that a log signs with them whatever is in its folder.
fn signer() -> SignerOptions {
    SignerOptions { keys: Some(KEYS.to_owned()), ..SignerOptions::default() }
}

/// Opens the log for writing without running its schedule.
fn open(folder: &Path) -> Result<AuditLog, OpenError> {
    Options::new(folder).own_schedule().signer(signer()).open()
}

/// Makes the database that `sql` describes.
fn restore(sql: &Path, database: &Path) {
    let sql = fs::read_to_string(sql).expect("the fixture");
    Connection::open(database).expect("a database").execute_batch(&sql).expect("the log as it was");
}

/// What a command prints about the log, as JSON: an object a line.
fn told(data: &Path, command: &str, arguments: &[&str]) -> Vec<Value> {
    let data = data.to_string_lossy();
    let output = run([command, "--data", &data, "--format", "json"].into_iter().chain(arguments.iter().copied()));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// All that `verify` says.
fn verified(data: &Path, more: &[&str]) -> String {
    let data = data.to_string_lossy();
    let output = run(["verify", "--data", &data].into_iter().chain(more.iter().copied()));
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
