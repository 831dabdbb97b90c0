//! The official client, running its fixed script.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::everything::npm;

/// Runs tests/npm/script.mjs with these arguments and returns its normalised results.
pub fn script<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Value {
    let mut command = Command::new("node");
    command.arg(npm().join("script.mjs")).args(arguments).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("node does not start: {error}; run tests/run"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the official client failed: {complaint}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error} in the script's results\n{complaint}"))
}
