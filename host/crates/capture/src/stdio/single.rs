//! The wrapped server on systems without process groups and signals: one process.

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;

pub(super) struct Group {
    grace: Duration,
}

impl Group {
    pub(super) fn of(_: &Child, grace: Duration, _: Option<&[OsString]>) -> Option<Self> {
        Some(Self { grace })
    }

    /// Waits until the server ends. If it still runs after its input ended and the grace passed, it is killed.
    pub(super) async fn wait(
        &self,
        leader: &mut Child,
        _: &mut Signals,
        input: &mut watch::Receiver<bool>,
    ) -> io::Result<ExitStatus> {
        let over = async {
            let _ = input.wait_for(|ended| *ended).await;
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            status = leader.wait() => return status,
            () = over => {}
        }
        leader.kill().await?;
        leader.wait().await
    }

    pub(super) async fn end(self) {}
}

pub(super) fn apart(_: &mut Command) {}

pub(super) struct Signals;

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn any(&mut self) {
        std::future::pending().await
    }
}
