//! What `list`, `groups` and `tail` have in common: a log, who is looking, and what for.

use clap::Args;
use mcp_audit::domain::Domain;
use mcp_audit::{Access, LogView};

use super::common::{Failure, LogOptions, ViewerOptions};
use super::filter::Filter;

#[derive(Args)]
pub(super) struct Question {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    #[command(flatten)]
    filter: Filter,
}

impl Question {
    /// The log, what the viewer may do in it, and what is looked for.
    pub(super) fn open(&self) -> Result<(LogView, Access, Domain), Failure> {
        let viewer = self.viewer.viewer();
        let log = self.log.view()?;
        let domain = self.filter.domain(&viewer.context(log.now()))?;
        let access = log.access(&viewer);
        Ok((log, access, domain))
    }
}
