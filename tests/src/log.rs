//! Reading the log in tests: what was recorded against what should have been.

use std::path::Path;

use serde_json::Value;

use crate::process::run;

/// The text of a field; `-` when it is not set.
pub fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or("-")
}

/// The newest entries of a data folder that no process has open, newest first, by the command line: 500 at most.
pub fn listed(data: &Path) -> Vec<Value> {
    found(data, &[])
}

/// Those that a search finds.
pub fn listed_by(data: &Path, search: &str) -> Vec<Value> {
    found(data, &["--query", search])
}

fn found(data: &Path, search: &[&str]) -> Vec<Value> {
    let data = data.to_string_lossy();
    let arguments = ["list", "--data", &data, "--format", "json", "--limit", "500"];
    let output = run(arguments.into_iter().chain(search.iter().copied()));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the log cannot be listed: {complaint}");
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

/// The groups of a data folder that no process has open, by the command line: all of them, the largest first.
pub fn grouped(data: &Path, by: &str) -> Vec<Value> {
    let data = data.to_string_lossy();
    let output = run(["groups", "--data", &data, "--by", by, "--format", "json", "--limit", "500"]);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the log cannot be grouped: {complaint}");
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

/// Fails unless the entries are exactly the expected ones, in any order: method, target, outcome and detail, each as
/// one line of text.
pub fn expect_entries(entries: &[Value], expected: &[&str]) {
    let mut found: Vec<String> = entries.iter().map(line).collect();
    let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    found.sort();
    expected.sort();
    let missing: Vec<_> = without(&expected, &found);
    let surplus: Vec<_> = without(&found, &expected);
    let like = |entry: &&Value| surplus.contains(&line(entry));
    let surplus: Vec<_> = entries.iter().filter(like).map(|entry| format!("{entry:#}")).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}\nnot expected: {}", surplus.join("\n"));
}

fn line(entry: &Value) -> String {
    let target = ["tool", "prompt", "resource_uri"].into_iter().find_map(|field| entry[field].as_str());
    let words = [text(entry, "method"), target.unwrap_or("-"), text(entry, "outcome"), text(entry, "outcome_detail")];
    words.join(" ")
}

/// The lines of `all` that are left when each line of `others` has taken one away.
fn without(all: &[String], others: &[String]) -> Vec<String> {
    let mut rest = all.to_vec();
    for other in others {
        if let Some(at) = rest.iter().position(|line| line == other) {
            rest.remove(at);
        }
    }
    rest
}
