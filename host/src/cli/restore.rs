//! `mcp-audit-log restore`: puts a backup in place of a log that was lost.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::{RestoredLog, restore};

use super::Outcome;
use super::backup::say_whole;
use super::common::{note, say};
use super::verify::{Progress, UNPROVED, kept, unread};

/// Copies a backup into a new folder, checks that no file was changed since the backup was made, and verifies the log
/// there. The next start records that it was restored.
///
/// Entries after the backup are lost. With --checkpoint, the newest known checkpoint of the lost log, they are named.
#[derive(Args)]
pub(super) struct Restore {
    /// A folder that `backup` wrote into, whose newest backup is taken, or one of the backups in it.
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The folder to restore into; it must be missing or empty.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    data: PathBuf,
    /// A checkpoint of the lost log, such as the newest published one, or its `signing.last` (repeatable).
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
}

impl Restore {
    pub(super) fn run(self) -> Outcome {
        let checkpoints = match self.checkpoints.iter().map(|path| kept(path)).collect::<Result<_, _>>() {
            Ok(checkpoints) => checkpoints,
            Err(error) => return unread(error),
        };
        let progress = Progress::default();
        let tell = |check: &str, done, all| progress.tell(check, done, all);
        let restored = restore(&self.backup, &self.data, checkpoints, &tell);
        progress.clear();
        let RestoredLog { summary, verified, lost } = restored?;
        say_whole(&summary)?;
        say(format_args!("made   {} by version {}", summary.made_at, summary.version))?;
        match lost {
            Some(lost) => say(format_args!(
                "LOST   {} entries, from seq {} to {}: a checkpoint proves them, and the backup is older",
                lost.end - lost.start,
                lost.start,
                lost.end - 1
            ))?,
            None => say("Entries that were recorded after that are lost.")?,
        }
        note(
            "The next start records that this log was restored. If checkpoints are published, publish them into a new",
        );
        note("place: the old one may have checkpoints of the lost entries, which are evidence.");
        for what in &verified.uncompared {
            say(format_args!("NOT COMPARED  {what}"))?;
        }
        Ok(if verified.uncompared.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNPROVED) })
    }
}
