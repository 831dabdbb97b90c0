//! The wrapper around a server that speaks over its standard input and output: bytes pass as they come, both ways.

mod tap;

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use self::tap::Tap;
use super::pipe::Side;
use crate::AuditLog;
use crate::event::Caller;

/// How much is read at once.
const PIECE: usize = 64 << 10;
/// How long the output of a server that has ended may be silent: a process that it started may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How the traffic is called in the log.
#[derive(Clone, Debug, Default)]
pub struct StdioOptions {
    /// The server's name.
    pub server: String,
    /// Who uses it.
    pub caller: Caller,
}

/// Runs `command` with its standard input and output passed through and recorded, and its standard error left alone.
/// The end of input and signals are handed on. Returns the server's exit code; 128 and its number for a signal.
///
/// # Errors
/// The command is empty or cannot be started.
pub async fn run(log: AuditLog, options: StdioOptions, command: Vec<OsString>) -> io::Result<i32> {
    wrap(log, options, command, tokio::io::stdin(), tokio::io::stdout()).await
}

/// The same with any input and output.
async fn wrap(
    log: AuditLog,
    options: StdioOptions,
    command: Vec<OsString>,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> io::Result<i32> {
    let mut child = start(&command)?;
    let mut signals = Signals::new()?;
    let (end, ended) = watch::channel(false);
    let tap = Tap::new(log, options);
    let (to_server, from_server) = (child.stdin.take(), child.stdout.take());
    let up = to_server.map(|to_server| tokio::spawn(pass(input, to_server, tap.clone(), Side::Client, ended.clone())));
    let down = from_server.map(|from_server| tokio::spawn(pass(from_server, output, tap.clone(), Side::Server, ended)));
    let status = wait(&mut child, &mut signals).await;
    end.send_replace(true);
    if let Some(down) = down {
        // All that the server wrote is the client's, however slowly it reads, unless this process is told to end.
        tokio::select! {
            _ = down => {}
            () = signals.any() => {}
        }
    }
    if let Some(up) = up {
        up.abort();
    }
    tap.close();
    status.map(code)
}

fn start(command: &[OsString]) -> io::Result<Child> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command: name the server's command after --"))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let program = program.to_string_lossy();
    command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{program} cannot be started: {error}")))
}

/// Hands bytes on as they come, until one side is gone. What is dropped at the end closes the other side.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    tap: Tap,
    side: Side,
    mut ended: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = tokio::select! {
            biased;
            length = from.read(&mut buffer) => length?,
            () = silence(&mut ended) => break,
        };
        let Some(piece) = buffer.get(..length).filter(|piece| !piece.is_empty()) else { break };
        // Before it is written: the answer must not be read earlier than the request.
        tap.piece(side, piece);
        to.write_all(piece).await?;
        to.flush().await?;
    }
    to.shutdown().await
}

/// Passes when the server has ended and nothing more has come for a while.
async fn silence(ended: &mut watch::Receiver<bool>) {
    let _ = ended.wait_for(|ended| *ended).await;
    tokio::time::sleep(LAST_WORDS).await;
}

/// The signals that would end this process.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) -> rustix::process::Signal {
        use rustix::process::Signal;
        let Self([terminate, interrupt, hang_up]) = self;
        tokio::select! {
            _ = terminate.recv() => Signal::TERM,
            _ = interrupt.recv() => Signal::INT,
            _ = hang_up.recv() => Signal::HUP,
        }
    }

    async fn any(&mut self) {
        self.next().await;
    }
}

/// Waits until the server ends, and hands signals on to it meanwhile.
#[cfg(unix)]
async fn wait(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    use rustix::process::{Pid, kill_process};
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    loop {
        let signal = tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => signal,
        };
        // It may have ended in this very moment, which is what was wanted.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn any(&mut self) {
        std::future::pending().await
    }
}

#[cfg(not(unix))]
async fn wait(child: &mut Child, _: &mut Signals) -> io::Result<ExitStatus> {
    child.wait().await
}

fn code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return 128 + signal;
        }
    }
    status.code().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::recorder::QueueLimits;
    use crate::{Options, Viewer};

    async fn through(script: &str, input: &'static [u8]) -> (i32, Vec<u8>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).open().expect("a log");
        let command = ["sh", "-c", script].map(OsString::from).to_vec();
        let (output, mut read) = tokio::io::duplex(1 << 20);
        let options = StdioOptions { server: "s".into(), caller: Caller::default() };
        let code = wrap(log.clone(), options, command, input, output).await.expect("started");
        let mut out = Vec::new();
        read.read_to_end(&mut out).await.expect("read");
        let marker =
            Event::new(log.now(), crate::event::Channel::System, crate::event::Kind::System, crate::event::Detail::Ok);
        log.record_durably(marker).await.expect("stored");
        let access = log.access(&Viewer { user: "r".into(), groups: vec!["admin".into()], instance: None });
        let page = log.reader(&access).page(crate::domain::Domain::TRUE, None, 100).expect("a page");
        let text = |entry: &crate::entry::Entry, field| entry.text(field).unwrap_or("-").to_owned();
        let mine = page.entries.iter().rev().filter(|entry| text(entry, crate::field::Field::Channel) == "stdio");
        let lines = mine.map(|entry| {
            format!("{} {}", text(entry, crate::field::Field::Method), text(entry, crate::field::Field::OutcomeDetail))
        });
        (code, out, lines.collect())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn bytes_and_exit_code_pass_and_what_has_no_answer_is_incomplete() {
        let script =
            r#"read a; printf '%s\n' 'noise'; printf '{"id":1,"result":{}}\n'; read b; cat >/dev/null; exit 7"#;
        let input = b"{\"id\":1,\"method\":\"ping\"}\n{\"id\":2,\"method\":\"tools/list\"}\n";
        let (code, out, lines) = through(script, input).await;
        assert_eq!((code, out.as_slice()), (7, b"noise\n{\"id\":1,\"result\":{}}\n".as_slice()));
        assert_eq!(lines, ["- unknown", "ping ok", "tools/list incomplete"]);
    }

    /// A flood against a recorder that is kept busy and a queue that holds nearly nothing.
    #[tokio::test(flavor = "multi_thread")]
    async fn of_a_flood_each_call_is_an_entry_or_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = QueueLimits { items: 4, bytes: 1 << 20 };
        let log = Options::new(folder.path()).queue(limits).own_schedule().open().expect("a log");
        let (go, goes) = std::sync::mpsc::channel::<()>();
        log.record_later(0, move || {
            let _ = goes.recv();
            Vec::new()
        })
        .expect("taken");
        let line = format!(r#"{{"method":"notifications/x","params":{{"fill":"{}"}}}}"#, "x".repeat(1_000));
        let input: &'static [u8] = Vec::leak(format!("{line}\n").repeat(5_000).into_bytes());
        let command = ["sh", "-c", "cat >/dev/null"].map(OsString::from).to_vec();
        let (output, _read) = tokio::io::duplex(1_024);
        wrap(log.clone(), StdioOptions::default(), command, input, output).await.expect("started");
        go.send(()).expect("the recorder goes on");
        log.close();
        let view = Options::new(folder.path()).view().expect("a log");
        let access = view.access(&Viewer { user: "r".into(), groups: vec!["admin".into()], instance: None });
        let (mut stored, mut told, mut before) = (0, 0, None);
        loop {
            let page = view.reader(&access).page(crate::domain::Domain::TRUE, before, 500).expect("a page");
            let Some(last) = page.entries.last() else { break };
            before = Some(last.seq);
            for entry in &page.entries {
                match entry.text(crate::field::Field::Method) {
                    Some("notifications/x") => stored += 1,
                    Some("log.gap") => told += entry.details["dropped"].as_u64().expect("a number"),
                    _ => {}
                }
            }
        }
        assert!(told > 0 && stored > 0, "{stored} stored, {told} lost");
        assert_eq!(stored + told, 5_000, "every call is an entry or counted");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_line_of_any_length_passes() {
        let long: &'static [u8] = Vec::leak(
            [b"{\"method\":\"notifications/x\",\"params\":{\"a\":\"".as_slice(), &b"x".repeat(5 << 20), b"\"}}\n"]
                .concat(),
        );
        let (code, out, lines) = through("wc -c; kill -9 $$", long).await;
        assert_eq!((code, String::from_utf8_lossy(&out).trim().parse()), (137, Ok(long.len())));
        assert_eq!(lines, ["notifications/x accepted", "- unknown"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_slow_client_gets_all_that_a_server_wrote_before_it_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).open().expect("a log");
        // The process in the background holds the output open.
        let script = "head -c 100000 /dev/zero; sleep 5 & exit 0";
        let command = ["sh", "-c", script].map(OsString::from).to_vec();
        let (output, mut read) = tokio::io::duplex(1_024);
        let wrapped = tokio::spawn(wrap(log, StdioOptions::default(), command, tokio::io::empty(), output));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!wrapped.is_finished());
        let mut out = Vec::new();
        read.read_to_end(&mut out).await.expect("read");
        assert_eq!(out.len(), 100_000);
        assert_eq!(wrapped.await.expect("finished").expect("started"), 0);
    }

    #[tokio::test]
    async fn a_command_that_does_not_exist_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).open().expect("a log");
        let error = run(log, StdioOptions::default(), vec!["no-such-command".into()]).await.expect_err("refused");
        assert!(error.to_string().contains("no-such-command"));
    }
}
