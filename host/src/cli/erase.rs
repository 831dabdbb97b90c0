//! (short: one file per subcommand) `mcp-audit-log erase`: one payload erased, with a reason that is kept.

use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use super::Outcome;
use super::common::{LogOptions, ViewerOptions, say};

#[derive(Args)]
pub(super) struct Erase {
    /// The entry's id, as `list` shows it.
    id: Uuid,
    /// The reason; the log records it.
    #[arg(long)]
    reason: String,
    /// The log; it must not be in use by a server.
    #[command(flatten)]
    log: LogOptions,
    /// The viewer; an erasure needs both groups, `admin` and `auditor`.
    #[command(flatten)]
    viewer: ViewerOptions,
}

impl Erase {
    pub(super) fn run(self) -> Outcome {
        let log = self.log.open()?;
        log.erase_payload(&log.access(&self.viewer.viewer()), self.id, &self.reason)?;
        say(format_args!("The payload of {} is erased; the entry and its proof stay.", self.id))?;
        Ok(ExitCode::SUCCESS)
    }
}
