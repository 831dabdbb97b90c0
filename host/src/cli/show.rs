//! `mcp-audit-log show`: one entry on the terminal, whole.

use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::Viewer;
use uuid::Uuid;

use super::advice::{Advised, Failure, entry_id, no_entry};
use super::common::{LogOptions, ViewerOptions, say};
use super::{Outcome, print};

#[derive(Args)]
pub(super) struct Show {
    /// The entry's id, as `list` shows it.
    #[arg(value_parser = entry_id)]
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
            return Err(no_entry(self.id, &viewer));
        };
        say(shown)?;
        Ok(ExitCode::SUCCESS)
    }

    fn without_payload(&self, viewer: &Viewer) -> Result<Option<String>, Failure> {
        let log = self.log.view()?;
        let entry = log.reader(&log.access(viewer)).entry(self.id).advised(&log)?;
        Ok(entry.map(|entry| print::entry(&entry, None)).transpose()?)
    }

    fn with_payload(&self, viewer: &Viewer) -> Result<Option<String>, Failure> {
        let log = self.log.open_for_a_moment()?;
        let access = log.view().access(viewer);
        let payload = log.read_payload(&access, self.id).advised(log.view())?;
        let entry = log.view().reader(&access).entry(self.id).advised(log.view())?;
        Ok(entry.map(|entry| print::entry(&entry, payload.map(|(_, payload)| payload))).transpose()?)
    }
}
