//! `mcp-audit-log usage`: usage over time and by field, on the terminal.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use mcp_audit_log::export::usage_table;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::store::{USAGE_FIELDS, UsageQuery, UsageSort, UsageStep, usage_range};
use mcp_audit_log::time::DAY;

use super::advice::Advised;
use super::common::note;
use super::filter::Question;
use super::{Outcome, print_usage};

#[derive(Args)]
pub(super) struct Usage {
    #[command(flatten)]
    question: Question,
    /// The last days, instead of --from and --to; one day by default.
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "to"], value_parser = clap::value_parser!(u16).range(1..=3_650))]
    days: Option<u16>,
    /// Break usage down by this field (repeatable), instead of over time.
    #[arg(long, value_name = "FIELD", value_parser = PossibleValuesParser::new(USAGE_FIELDS.map(Field::name)))]
    by: Vec<String>,
    /// The order of the rows of a breakdown.
    #[arg(long, default_value = "requests", value_parser = words(UsageSort::ALL, UsageSort::as_str))]
    sort: String,
    /// The number of rows, from 1 to 500.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// The distance of the points over time; by default it suits the range.
    #[arg(long, value_parser = words(UsageStep::ALL, UsageStep::as_str))]
    step: Option<String>,
    /// Count the previous period as well.
    #[arg(long)]
    compare: bool,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people.
    Table,
    /// One JSON object.
    Json,
    /// A CSV table: of one breakdown, or over time.
    Csv,
}

impl Usage {
    pub(super) fn run(self) -> Outcome {
        if self.format == Format::Csv && (self.by.len() > 1 || self.compare) {
            return Err("a CSV table holds one breakdown and one range; run the command once for each".into());
        }
        let (log, access, domain) = self.question.open()?;
        let days = self.days.map(|days| Domain::since(log.now().plus(-i64::from(days) * DAY)));
        let (range, domain) = usage_range(days.unwrap_or(Domain::TRUE).and(domain), log.now())?;
        let mut by: Vec<_> = self.by.iter().filter_map(|name| Field::parse(name)).collect();
        by.dedup();
        let query = UsageQuery {
            domain,
            range,
            step: self.step.as_deref().and_then(UsageStep::parse),
            by,
            sort: UsageSort::parse(&self.sort).unwrap_or_default(),
            limit: self.limit.into(),
            previous: self.compare,
            recorded_before: None,
        };
        let usage = log.reader(&access).usage(query).advised(&log)?;
        match self.format {
            Format::Table => print_usage::tables(&usage)?,
            Format::Json => print_usage::json(&usage)?,
            Format::Csv => io::stdout().write_all(&usage_table(&usage)?)?,
        }
        usage.missing.iter().for_each(note);
        if usage.covered != usage.asked {
            let (from, to) = (usage.covered.start, usage.covered.end);
            note(format_args!(
                "Some entries at the ends of the range are deleted, so the figures cover {from} to \
                               {to}."
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn words<T: Copy>(words: &[T], name: fn(T) -> &'static str) -> PossibleValuesParser {
    PossibleValuesParser::new(words.iter().map(|word| name(*word)).collect::<Vec<_>>())
}
