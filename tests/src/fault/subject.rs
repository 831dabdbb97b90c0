//! The process that gets the faults: the test's own embedder; its output about events goes to the oracle.

use std::path::Path;
use std::process::{Command, ExitStatus};

#[cfg(target_os = "linux")]
use super::Shim;
use super::{Oracle, Seen};
use crate::controlled_process::ControlledProcess;
use crate::process::binary;

/// An embedder that has a log open.
#[derive(Debug)]
pub struct Subject {
    prey: ControlledProcess,
}

impl Subject {
    /// Starts one on the log in `folder`.
    pub fn start(folder: &Path) -> Self {
        Self { prey: ControlledProcess::heard(&mut command(folder)) }
    }

    /// Starts one that a shim does faults to.
    #[cfg(target_os = "linux")]
    pub fn faulty(folder: &Path, shim: &Shim) -> Self {
        Self { prey: ControlledProcess::heard(shim.on(&mut command(folder), folder)) }
    }

    /// The same with a queue of this many events.
    #[cfg(target_os = "linux")]
    pub fn narrow(folder: &Path, shim: &Shim, queue: usize) -> Self {
        Self { prey: ControlledProcess::heard(shim.on(command(folder).arg(queue.to_string()), folder)) }
    }

    /// The process.
    pub fn prey(&self) -> &ControlledProcess {
        &self.prey
    }

    /// Gives it an order, and passes its output to the oracle until it is done. Returns the other output; `None` if it
    /// ended meanwhile.
    pub fn does(&mut self, order: &str, oracle: &mut Oracle) -> Option<Vec<String>> {
        self.prey.order(order);
        let mut said = Vec::new();
        loop {
            let line = self.prey.line()?;
            if line == "done" {
                return Some(said);
            }
            if !oracle.hear(&line) {
                said.push(line);
            }
        }
    }

    /// Gives it an order that is never done.
    pub fn begins(&mut self, order: &str) {
        self.prey.order(order);
    }

    /// Passes its output to the oracle until this many more events are acknowledged, or it ends.
    pub fn until_acknowledged(&mut self, more: usize, oracle: &mut Oracle) {
        let enough = oracle.acknowledged() + more;
        while oracle.acknowledged() < enough {
            let Some(line) = self.prey.line() else { return };
            oracle.hear(&line);
        }
    }

    /// All entries as it reads them, the oldest first; `None` if it ended meanwhile.
    pub fn entries(&mut self) -> Option<Vec<Seen>> {
        let said = self.does("tell", &mut Oracle::default())?;
        Some(said.iter().filter_map(|line| line.parse().ok()).collect())
    }

    /// Kills it, and passes its remaining output to the oracle.
    pub fn kill(self, oracle: &mut Oracle) {
        for line in self.prey.kill() {
            oracle.hear(&line);
        }
    }

    /// Closes the log and ends. Fails unless that went well.
    pub fn close(mut self, oracle: &mut Oracle) {
        self.begins("close");
        let status = self.ended(oracle);
        assert!(status.success(), "{status}");
    }

    /// Waits for its end.
    pub fn ended(&mut self, oracle: &mut Oracle) -> ExitStatus {
        let (status, rest) = self.prey.ended();
        for line in rest {
            oracle.hear(&line);
        }
        status
    }
}

/// The embedder's program, next to the product's.
fn command(folder: &Path) -> Command {
    let embedder = binary().with_file_name(format!("embedder{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(embedder);
    command.arg(folder);
    command
}
