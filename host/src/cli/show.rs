//! `mcp-audit-log show`: one entry on the terminal, whole.

use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::{Right, Viewer};
use uuid::Uuid;

use super::common::{Failure, LogOptions, ViewerOptions, say};
use super::{Outcome, print};

#[derive(Args)]
pub(super) struct Show {
    /// The entry's id, as `list` shows it.
    id: Uuid,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    /// Show the payload too. An entry records the reading, so the log must not be in use by a server.
    #[arg(long)]
    payload: bool,
}

impl Show {
    pub(super) fn run(self) -> Outcome {
        let viewer = self.viewer.viewer();
        let found = if self.payload { self.with_payload(&viewer)? } else { self.without_payload(&viewer)? };
        let Some(shown) = found else {
            return Err(format!("no entry {} that {} may see", self.id, viewer.user).into());
        };
        say(shown)?;
        Ok(ExitCode::SUCCESS)
    }

    fn without_payload(&self, viewer: &Viewer) -> Result<Option<String>, Failure> {
        let log = self.log.view()?;
        let entry = log.reader(&log.access(viewer)).entry(self.id)?;
        Ok(entry.map(|entry| print::entry(&entry, None)).transpose()?)
    }

    fn with_payload(&self, viewer: &Viewer) -> Result<Option<String>, Failure> {
        let log = self.log.open()?;
        let access = log.access(viewer);
        if !access.may(Right::ReadPayloads) {
            return Err("only auditors may read payloads; use --group auditor".into());
        }
        let payload = log.read_payload(&access, self.id)?;
        let entry = log.reader(&access).entry(self.id)?;
        Ok(entry.map(|entry| print::entry(&entry, payload.map(|(_, payload)| payload))).transpose()?)
    }
}
