//! Helpers of the end-to-end tests: polling, scripts, and a search through files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::everything::npm;

const STEP: Duration = Duration::from_millis(20);
/// Long enough for a loaded machine; no test that passes waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until there is an answer. A failure names `what`.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, &mut ask).unwrap_or_else(|| panic!("not within {} s: {what}", PATIENCE.as_secs()))
}

/// Asks until there is an answer or the time is over.
pub(crate) fn within<T>(patience: Duration, ask: &mut dyn FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > deadline {
            return answer;
        }
        std::thread::sleep(STEP);
    }
}

/// Runs tests/npm/script.mjs with these arguments and returns its normalised results.
pub fn script<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Value {
    program("script.mjs", arguments, &[])
}

/// The same with a client that trusts this authority besides.
pub fn script_trusting<'a>(authority: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Value {
    program("script.mjs", arguments, &[("NODE_EXTRA_CA_CERTS", &authority.to_string_lossy())])
}

/// Runs a program of tests/npm with these arguments and environment variables, and returns the JSON that it prints.
pub fn program<'a>(name: &str, arguments: impl IntoIterator<Item = &'a str>, environment: &[(&str, &str)]) -> Value {
    let mut command = Command::new("node");
    command.arg(npm().join(name)).args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("node does not start: {error}; run tests/run"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the official client failed: {complaint}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error} in the script's results\n{complaint}"))
}

/// Compares two results of the script step by step, so that a difference is named and not hidden in the document.
pub fn same_results(direct: &Value, proxied: &Value) {
    let steps = direct.as_object().expect("steps");
    assert!(steps.len() > 10, "the script did too little: {:?}", steps.keys());
    for (step, result) in steps {
        assert_eq!(&proxied[step], result, "\"{step}\" went another way through the proxy");
    }
    assert_eq!(steps.len(), proxied.as_object().map_or(0, serde_json::Map::len));
}

/// The files below `folder` that have `needle` somewhere in their bytes.
pub fn files_with(folder: &Path, needle: &str) -> Vec<PathBuf> {
    let files = files(folder);
    assert!(!files.is_empty(), "{} has no files to search", folder.display());
    files.into_iter().filter(|file| has(file, needle.as_bytes())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a file").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A file that vanished between listing and reading holds nothing any more.
fn has(file: &Path, needle: &[u8]) -> bool {
    match std::fs::read(file) {
        Ok(bytes) => bytes.windows(needle.len()).any(|window| window == needle),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => panic!("{}: {error}", file.display()),
    }
}
