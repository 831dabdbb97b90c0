//! `mcp-audit-log backup`: a verified copy of the whole log, beside a server that may be recording.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{BackupSummary, back_up};

use super::Outcome;
use super::common::{Signing, say};
use super::verify::Progress;

/// Writes a new folder into DIR, named by the time, and prints its path. It has all that a log needs: the entries, the
/// payloads, the tokens, the policies, `secret.key`, the last signed checkpoint, and the signing keys if they are in the
/// log's folder. Protect it as you protect the log.
///
/// Earlier backups in DIR stay as they are; delete those that you no longer need. What an interrupted backup left is
/// removed.
#[derive(Args)]
pub(super) struct Backup {
    /// The folder of the backups. It is created if it is missing.
    #[arg(value_name = "DIR")]
    into: PathBuf,
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    data: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

impl Backup {
    pub(super) fn run(self) -> Outcome {
        let Self { into, data, signing } = self;
        let progress = Progress::default();
        let tell = |check: &str, done, all| progress.tell(check, done, all);
        let made = back_up(&data, &signing.options(), &into, SystemClock.now(), &tell);
        progress.clear();
        let (path, summary) = made?;
        say(path.display())?;
        say_whole(&summary)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reports what a verified backup has.
pub(super) fn say_whole(BackupSummary { size, first, signed, .. }: &BackupSummary) -> io::Result<()> {
    say(format_args!("WHOLE  {} entries, from seq {first} to before {size}", size - first))?;
    match signed {
        Some(signed) => say(format_args!("signed {signed}; {} newer entries were not signed yet", size - signed)),
        None => say("signed nothing yet"),
    }
}
