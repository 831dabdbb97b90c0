//! The wrapped server and the processes that it starts: a process group that gets the signals.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How often to check whether a group has ended: there is no notification for processes that are not our children.
const LOOK: Duration = Duration::from_millis(20);

/// A group of processes. It ends when this is dropped, however that happens.
pub(super) struct Group {
    id: Pid,
    grace: Duration,
    /// Ends the group when this process is killed: its input is a pipe that only this process holds open.
    watchdog: Option<Child>,
    is_over: bool,
}

impl Group {
    /// The group that `leader` was started with.
    pub(super) fn of(leader: &Child, grace: Duration, watchdog: Option<&[OsString]>) -> Option<Self> {
        let id = leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)?;
        let watchdog = watchdog.and_then(|command| {
            let started = watch(command, id, grace);
            started
                .inspect_err(|error| {
                    tracing::warn!(
                        "the server will not be stopped if this process is killed: \
                                                     {error}"
                    )
                })
                .ok()
        });
        Some(Self { id, grace, watchdog, is_over: false })
    }

    fn signal(&self, signal: Signal) {
        // It may have ended in this moment, which is the intended result.
        let _ = kill_process_group(self.id, signal);
    }

    /// Waits until the server ends, and forwards signals. If it still runs after a signal or the end of input plus the
    /// grace, it is terminated and then killed.
    pub(super) async fn wait(
        &self,
        leader: &mut Child,
        signals: &mut Signals,
        input: &mut watch::Receiver<bool>,
    ) -> io::Result<ExitStatus> {
        let mut next = None;
        let mut input_ended = false;
        loop {
            let due = async {
                match next {
                    Some((_, at)) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let later = Instant::now() + self.grace;
            next = tokio::select! {
                status = leader.wait() => return status,
                signal = signals.next() => {
                    self.signal(signal);
                    Some((Signal::KILL, later))
                }
                Ok(_) = input.wait_for(|ended| *ended), if !input_ended => {
                    input_ended = true;
                    next.or(Some((Signal::TERM, later)))
                }
                () = due => {
                    let (signal, _) = next.unwrap_or((Signal::KILL, later));
                    self.signal(signal);
                    (signal == Signal::TERM).then_some((Signal::KILL, later))
                }
            };
        }
    }

    /// Ends the rest of the group after its leader has ended.
    pub(super) async fn end(mut self) {
        self.signal(Signal::TERM);
        let end = Instant::now() + self.grace;
        while test_kill_process_group(self.id).is_ok() {
            if Instant::now() >= end {
                self.signal(Signal::KILL);
                break;
            }
            sleep(LOOK).await;
        }
        self.is_over = true;
        if let Some(watchdog) = &mut self.watchdog {
            let _ = watchdog.kill().await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_over {
            self.signal(Signal::KILL);
        }
    }
}

/// Puts the server and the processes that it starts into their own group.
pub(super) fn apart(command: &mut Command) {
    command.process_group(0);
}

fn watch(command: &[OsString], group: Pid, grace: Duration) -> io::Result<Child> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command for the watchdog"))?;
    let mut command = Command::new(program);
    command.args(arguments).arg(group.as_raw_nonzero().to_string()).arg(grace.as_secs_f64().to_string());
    // Its own group: signals from the terminal are not meant for it.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).kill_on_drop(true).spawn()
}

/// The watchdog, after the watched process has ended and so closed its input: the group `id` gets SIGTERM, and SIGKILL
/// after the grace.
///
/// # Errors
/// There is no such group.
pub(super) fn end_orphans(id: i32, grace: Duration) -> io::Result<()> {
    // 1 would signal every process.
    let id = Some(id).filter(|id| *id > 1).and_then(Pid::from_raw);
    let id = id.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is not a process group"))?;
    let _ = kill_process_group(id, Signal::TERM);
    let end = std::time::Instant::now() + grace;
    while test_kill_process_group(id).is_ok() {
        if std::time::Instant::now() >= end {
            let _ = kill_process_group(id, Signal::KILL);
            break;
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The signals that would end this process.
pub(super) struct Signals([unix::Signal; 3]);

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) -> Signal {
        let Self([terminate, interrupt, hang_up]) = self;
        tokio::select! {
            _ = terminate.recv() => Signal::TERM,
            _ = interrupt.recv() => Signal::INT,
            _ = hang_up.recv() => Signal::HUP,
        }
    }

    pub(super) async fn any(&mut self) {
        self.next().await;
    }
}
