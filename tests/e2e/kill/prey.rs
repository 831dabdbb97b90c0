//! A process that is killed the hard way after it has said something.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Long enough for a loaded machine; no test that passes waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process, and one of its streams, line by line.
pub(crate) struct Prey {
    child: Child,
    lines: Receiver<String>,
}

impl Prey {
    /// Starts `command` and listens to its standard output.
    pub(crate) fn heard(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let stream = child.stdout.take().expect("its output");
        Self { child, lines: lines(stream) }
    }

    /// Starts `command` and listens to its standard error.
    pub(crate) fn overheard(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stream = child.stderr.take().expect("its output");
        Self { child, lines: lines(stream) }
    }

    /// The next whole line; `None` when there will be none.
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it says nothing any more"),
        }
    }

    /// Waits for a line that is wanted.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&str) -> bool) {
        let mut said = Vec::new();
        loop {
            match self.line() {
                Some(line) if wanted(&line) => return,
                Some(line) => said.push(line),
                None => panic!("it ended before the expected line, and said:\n{}", said.join("\n")),
            }
        }
    }

    /// Kills it (SIGKILL on Unix) and returns what it had still said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        std::iter::from_fn(|| self.line()).collect()
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is read from `stream`, without a last line that is not whole.
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
