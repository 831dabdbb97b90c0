//! A process that takes commands, prints its actions, and may be stopped or killed at any moment.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::helpers::eventually;

/// A time limit that is long enough for a loaded machine. No passing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process, and one of its streams, line by line. It is killed when it is dropped.
#[derive(Debug)]
pub struct ControlledProcess {
    child: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
}

impl ControlledProcess {
    /// Starts `command` and listens to its standard output.
    pub fn heard(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let stream = child.stdout.take().expect("its output");
        Self::of(child, lines(stream))
    }

    /// Starts `command` and listens to its standard error.
    pub fn overheard(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stream = child.stderr.take().expect("its output");
        Self::of(child, lines(stream))
    }

    fn of(mut child: Child, lines: Receiver<String>) -> Self {
        let orders = child.stdin.take().expect("its input");
        Self { child, orders, lines }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a command, one line. A command is lost if the process has ended.
    pub fn order(&mut self, order: &str) {
        let _ = writeln!(self.orders, "{order}");
    }

    /// The next whole line; `None` when there will be none.
    pub fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it says nothing any more"),
        }
    }

    /// Waits for a certain line.
    pub fn wait_for(&self, wanted: impl Fn(&str) -> bool) {
        let mut said = Vec::new();
        loop {
            match self.line() {
                Some(line) if wanted(&line) => return,
                Some(line) => said.push(line),
                None => panic!("it ended before the expected line, and said:\n{}", said.join("\n")),
            }
        }
    }

    /// Stops the process (SIGSTOP), and returns when all of its threads are stopped.
    pub fn freeze(&self) {
        let id = self.child.id().to_string();
        let stopped = Command::new("sh").args(["-c", "kill -STOP \"$0\"", &id]).status().expect("a shell");
        assert!(stopped.success(), "it lives");
        eventually("a process that stands", || all_stand(self.child.id()).then_some(()));
    }

    /// Kills it (SIGKILL on Unix) and returns its remaining output.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("killed");
        self.ended().1
    }

    /// Waits for its own end, and returns its status and its remaining output.
    pub fn ended(&mut self) -> (ExitStatus, Vec<String>) {
        let rest = std::iter::from_fn(|| self.line()).collect();
        (self.child.wait().expect("gone"), rest)
    }
}

impl Drop for ControlledProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether every thread of the process is stopped, by the letter after its name.
fn all_stand(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    threads.flatten().all(|thread| {
        let state = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        state.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
    })
}

/// The lines that were read from `stream`, without an incomplete last line.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).expect("text");
            let Some(line) = line.strip_suffix('\n') else { return };
            if sender.send(line.to_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}
