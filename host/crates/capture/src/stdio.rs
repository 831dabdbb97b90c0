//! The wrapper around a server that speaks over its standard input and output: it forwards bytes in both directions as
//! they come.

#[cfg(unix)]
mod group;
#[cfg(not(unix))]
#[path = "stdio/single.rs"]
mod group;
pub(crate) mod pipe;
mod recording;
mod remote;
mod tap;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use mcp_audit_log_model::event::Caller;
use mcp_audit_log_service::AuditLog;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

pub use self::remote::{RemoteDelivery, RemoteLog, RemoteOptions, TokenSource};

use self::group::{Group, Signals};
use self::recording::Recording;
use self::tap::StdioTap;
use crate::tap::{End, Side, Tap};

/// How much is read at once.
const PIECE: usize = 64 << 10;
/// How long the output of a server that has ended may be silent: a process that it started may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often to check whether a cancelled call has waited long enough for an answer.
const LOOK: Duration = Duration::from_secs(1);

/// The names for the traffic in entries, and the time limits for the server's end.
#[derive(Clone, Debug)]
pub struct StdioOptions {
    /// The server's name.
    pub server: String,
    /// The caller.
    pub caller: Caller,
    /// The time for the server, and for processes that it started, to end: after the end of input before SIGTERM, and
    /// after a signal before SIGKILL.
    pub grace: Duration,
    /// The command of a process that calls [`watch`]: with it the server also ends when this process is killed. The
    /// group and the grace are appended as two arguments.
    pub watchdog: Option<Vec<OsString>>,
    /// Variables of the environment that the server does not get, such as the wrapper's own token.
    pub hidden: Vec<OsString>,
}

impl StdioOptions {
    /// A server of this name, used by `caller`, with five seconds to end and without a watchdog.
    pub fn new(server: impl Into<String>, caller: Caller) -> Self {
        Self { server: server.into(), caller, grace: Duration::from_secs(5), watchdog: None, hidden: Vec::new() }
    }
}

/// The watchdog of a wrapped server: waits until its own standard input ends, which means that the wrapper's process
/// has ended, and then ends the server's process group. Blocks.
///
/// # Errors
/// There is no such group, or the input cannot be read.
#[cfg(unix)]
pub fn watch(group: i32, grace: Duration) -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    group::end_orphans(group, grace)
}

/// Runs `command`, forwards and records its standard input and output, and leaves its standard error alone. The end of
/// input and signals are forwarded, signals to the server's whole process group. A process that does not end within the
/// grace period is killed. Returns the server's exit code; 128 and its number for a signal.
///
/// # Errors
/// The command is empty or cannot be started.
pub async fn run(log: AuditLog, options: StdioOptions, command: Vec<OsString>) -> io::Result<i32> {
    wrap(Recording::Own(log), options, command, tokio::io::stdin(), tokio::io::stdout()).await
}

/// The same, but the events go to a running log. Finish the delivery afterwards with [`RemoteLog::finish`].
///
/// # Errors
/// The command is empty or cannot be started.
pub async fn run_to(log: RemoteLog, options: StdioOptions, command: Vec<OsString>) -> io::Result<i32> {
    wrap(Recording::Remote(log), options, command, tokio::io::stdin(), tokio::io::stdout()).await
}

/// The same with any input and output.
async fn wrap(
    recording: Recording,
    options: StdioOptions,
    command: Vec<OsString>,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> io::Result<i32> {
    let mut child = start(&command, &options.hidden)?;
    let group = Group::of(&child, options.grace, options.watchdog.as_deref());
    let mut signals = Signals::new()?;
    let (end, ended) = watch::channel(false);
    let (no_input, mut at_end) = watch::channel(false);
    let tap = StdioTap::new(recording, options);
    let (to_server, from_server) = (child.stdin.take(), child.stdout.take());
    let up = to_server.map(|to_server| {
        let passing = pass(input, to_server, tap.clone(), Side::Client, ended.clone());
        tokio::spawn(async move {
            let passed = passing.await;
            // A server that reads no more is not at its end for that.
            no_input.send_replace(passed.is_ok());
            passed
        })
    });
    let down = from_server.map(|from_server| tokio::spawn(pass(from_server, output, tap.clone(), Side::Server, ended)));
    let looking = tokio::spawn(look_for_cancelled(tap.clone()));
    let status = match &group {
        Some(group) => group.wait(&mut child, &mut signals, &mut at_end).await,
        None => child.wait().await,
    };
    end.send_replace(true);
    if let Some(down) = down {
        // Everything that the server wrote belongs to the client, however slowly it reads, unless this process must
        // end.
        tokio::select! {
            _ = down => {}
            () = signals.any() => {}
        }
    }
    looking.abort();
    if let Some(up) = up {
        up.abort();
    }
    tap.end(End::Complete);
    if let Some(group) = group {
        group.end().await;
    }
    status.map(code)
}

fn start(command: &[OsString], hidden: &[OsString]) -> io::Result<Child> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command; name the server's command after --"))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    for variable in hidden {
        command.env_remove(variable);
    }
    group::apart(&mut command);
    let program = program.to_string_lossy();
    command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{program} cannot be started: {error}")))
}

/// Forwards bytes as they come, until one side ends. When this is dropped at the end, the other side is closed.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    tap: impl Tap,
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
        tap.chunk(side, &Bytes::copy_from_slice(piece));
        to.write_all(piece).await?;
        to.flush().await?;
    }
    to.shutdown().await
}

/// Returns when the server has ended and no byte has come for a while.
async fn silence(ended: &mut watch::Receiver<bool>) {
    let _ = ended.wait_for(|ended| *ended).await;
    tokio::time::sleep(LAST_WORDS).await;
}

/// Makes sure that a cancelled call becomes an entry although nothing more is sent.
async fn look_for_cancelled(tap: StdioTap) {
    loop {
        tokio::time::sleep(LOOK).await;
        tap.look_for_overdue();
    }
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
