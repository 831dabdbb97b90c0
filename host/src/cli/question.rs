//! The common options of `list`, `groups`, `tail` and `export`: log, viewer, filter.

use clap::Args;
use mcp_audit_log::domain::Domain;
use mcp_audit_log::{Access, AuditLog, LogView};

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
    /// The log, the viewer's access, and the filter.
    pub(super) fn open(&self) -> Result<(LogView, Access, Domain), Failure> {
        let viewer = self.viewer.viewer();
        let log = self.log.view()?;
        let domain = self.filter.domain(&viewer.context(log.now()))?;
        let access = log.access(&viewer);
        Ok((log, access, domain))
    }

    /// The same log for recording what is done here, without running jobs that are due meanwhile.
    pub(super) fn open_to_record(&self) -> Result<AuditLog, Failure> {
        self.log.open_for_a_moment()
    }
}
