//! `mcp-audit-log groups`: entries in groups on the terminal.

use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use mcp_audit_log::reader::{GroupBy, GroupSort};

use super::advice::Advised;
use super::common::note;
use super::filter::Question;
use super::print::Format;
use super::{Outcome, print};

#[derive(Args)]
pub(super) struct Groups {
    #[command(flatten)]
    question: Question,
    /// Group by this field, or by day; give it twice for subgroups.
    #[arg(long, required = true, value_name = "FIELD", value_parser = by)]
    by: Vec<GroupBy>,
    /// The order of the groups.
    #[arg(long, default_value = "count", value_parser = orders())]
    sort: String,
    /// The number of groups, from 1 to 500.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Groups {
    pub(super) fn run(self) -> Outcome {
        if self.by.len() > 2 || self.by.get(1) == self.by.first() {
            return Err("use --by at most twice, with different fields".into());
        }
        let (log, access, domain) = self.question.open()?;
        let sort = GroupSort::parse(&self.sort).unwrap_or_default();
        let found = log.reader(&access).groups(domain, &self.by, sort, self.limit.into()).advised(&log)?;
        match self.format {
            Format::Table => print::groups(&self.by, &found.groups)?,
            Format::Json => print::groups_json(&self.by, &found.groups)?,
        }
        if found.found > found.groups.len() {
            note(format_args!("There are {} groups. Narrow the filter, or raise --limit.", found.found));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The orders; `duration` is what usage calls the average.
fn orders() -> PossibleValuesParser {
    let value = |(name, sort): &(&'static str, GroupSort)| {
        let value = PossibleValue::new(*name);
        if *sort == GroupSort::Average { value.alias("duration") } else { value }
    };
    PossibleValuesParser::new(GroupSort::ALL.iter().map(value))
}

fn by(name: &str) -> Result<GroupBy, String> {
    let names = || GroupBy::all().map(|by| by.to_string()).collect::<Vec<_>>().join(", ");
    GroupBy::parse(name).ok_or_else(|| format!("not a field to group by; use one of: {}", names()))
}
