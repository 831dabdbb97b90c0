//! A process of ours: its output goes to files, and it is ended by its id even if the test fails.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::helpers::{eventually, within};

/// How long a process may take to end after it was asked to.
const TO_END: Duration = Duration::from_secs(15);

/// A running process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    output: TempDir,
}

impl Process {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> Self {
        let output = tempfile::tempdir().expect("a folder for the output");
        let name = format!("{command:?}");
        let file = |stream| File::create(output.path().join(stream)).expect("a file for the output");
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { child, name, output }
    }

    /// The folder that holds all it has printed.
    pub fn output_folder(&self) -> &Path {
        self.output.path()
    }

    /// Its output so far, on both streams.
    pub fn output(&self) -> String {
        let read = |stream| std::fs::read(self.output.path().join(stream)).expect("the output");
        String::from_utf8_lossy(&[read("stdout"), read("stderr")].concat()).into_owned()
    }

    /// Waits for a line that has `mark` in it and returns what follows the mark.
    pub fn line_after(&mut self, mark: &str) -> String {
        let line = self.line_or_end(mark);
        line.unwrap_or_else(|| panic!("{} never said {mark:?}, only:\n{}", self.name, self.output()))
    }

    /// The same; none if the process ends without it, or says nothing for long.
    pub fn line_or_end(&mut self, mark: &str) -> Option<String> {
        let line = within(Duration::from_secs(30), &mut || {
            let output = self.output();
            let lines = output.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let found = lines.filter_map(|line| line.split_once(mark)).map(|(_, rest)| rest.trim().to_owned()).next();
            found.map(Some).or_else(|| self.child.try_wait().expect("its state").map(|_| None))
        });
        line.flatten()
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        eventually(&what, || self.child.try_wait().expect("its state"))
    }

    /// Asks it to end, as an operator would, and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        self.terminate().unwrap_or_else(|| panic!("{} does not end when it is told to:\n{}", self.name, self.output()))
    }

    /// Ends it as a power cut would, and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("its end");
    }

    fn terminate(&mut self) -> Option<ExitStatus> {
        // The shell's own `kill`: the standard library can only kill the hard way, and no crate is worth this line.
        let id = self.child.id().to_string();
        if self.child.try_wait().ok().flatten().is_none() {
            Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().ok()?;
        }
        within(TO_END, &mut || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.terminate().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The binary under test with these arguments, whatever the developer's environment sets for it.
pub fn product<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
    for variable in
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("MCP_AUDIT_LOG_"))
    {
        command.env_remove(variable);
    }
    command
}

/// The binary under test, next to the test's own executable.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.parent().and_then(Path::parent).expect("target/debug");
    let binary = folder.join(format!("mcp-audit-log{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} is missing: run tests/run, or `cargo build -p mcp-audit-log` first",
        binary.display()
    );
    binary
}

/// Runs the binary to its end.
pub fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    let mut command = product(arguments);
    command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}
