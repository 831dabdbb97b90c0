//! (short: one file per subcommand) `mcp-audit-log list`: entries on the terminal, newest first.

use std::process::ExitCode;

use clap::Args;

use super::advice::Advised;
use super::common::note;
use super::filter::Question;
use super::print::Format;
use super::{Outcome, print};

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    question: Question,
    /// The number of entries, from 1 to 500.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl List {
    pub(super) fn run(self) -> Outcome {
        let (log, access, domain) = self.question.open()?;
        let page = log.reader(&access).page(domain, None, self.limit.into()).advised(&log)?;
        match self.format {
            Format::Table => print::table(&page.entries, access.zone())?,
            Format::Json => print::json_lines(&page.entries)?,
        }
        if page.next.is_some() {
            note(format_args!(
                "There are more entries. Narrow the filter, raise --limit (at most 500), or go back in time with --to."
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
