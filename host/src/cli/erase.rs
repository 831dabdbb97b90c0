//! (short: one file per subcommand) `mcp-audit-log erase`: one payload erased, with a reason that is kept.

use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::ChangeError;
use uuid::Uuid;

use super::Outcome;
use super::advice::{Advised, entry_id};
use super::common::{LogOptions, ViewerOptions, say};

#[derive(Args)]
pub(super) struct Erase {
    /// The entry's id, as `list` shows it.
    #[arg(value_parser = entry_id)]
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
        let log = self.log.open_for_a_moment()?;
        let erased = log.erase_payload(&log.view().access(&self.viewer.viewer()), self.id, &self.reason);
        if let Err(ChangeError::Missing(_)) = erased {
            let id = self.id;
            return Err(format!(
                "no payload of {id} to erase: none was kept, it is erased already, or you may not see the entry; \
                 `mcp-audit-log show {id}` says which"
            )
            .into());
        }
        erased.advised(log.view())?;
        say(format_args!("The payload of {} is erased; the entry and its proof stay.", self.id))?;
        Ok(ExitCode::SUCCESS)
    }
}
