//! `mcp-audit-log tail`: entries on the terminal as a server stores them.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::follow_cursor::FollowCursor;
use mcp_audit_log::reader::{MAX_LIMIT, ReadError};
use mcp_audit_log::{Grant, LogView};

use super::advice::{Advised, Failure};
use super::common::stop_signal;
use super::filter::Question;
use super::print::{Format, Table};
use super::{Outcome, print};

/// The interval at which the log is polled: another process writes it, so there is no event.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(super) struct Tail {
    #[command(flatten)]
    question: Question,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Tail {
    pub(super) fn run(self) -> Outcome {
        let (log, access, domain) = self.question.open()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.follow(&log, &access, domain))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn follow(&self, log: &LogView, access: &Grant, domain: Domain) -> Result<(), Failure> {
        let mut stop = std::pin::pin!(stop_signal()?);
        let mut walk = FollowCursor::new(domain, next(log, access).advised(log)?.checked_sub(1));
        let mut table = Table::of_entries();
        if let Format::Table = self.format {
            table.head()?;
        }
        loop {
            self.print_new(log, access, &mut walk, &mut table)?;
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Prints all entries up to the end of the log.
    fn print_new(
        &self,
        log: &LogView,
        access: &Grant,
        walk: &mut FollowCursor,
        table: &mut Table,
    ) -> Result<(), Failure> {
        let next = next(log, access)?;
        loop {
            let entries = walk.step(&log.reader(access), next, MAX_LIMIT)?;
            match self.format {
                Format::Table => table.entries(&entries, access.zone())?,
                Format::Json => print::json_lines(&entries)?,
            }
            if entries.len() < MAX_LIMIT {
                return Ok(());
            }
        }
    }
}

/// The seq after the newest entry that the viewer may see; 0 if there is none.
fn next(log: &LogView, access: &Grant) -> Result<u64, ReadError> {
    let newest = log.reader(access).page(Domain::TRUE, None, 1)?.entries;
    Ok(newest.first().map_or(0, |entry| entry.seq + 1))
}
