//! `mcp-audit-log usage`: usage over time and by field, on the terminal.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use mcp_audit_log::export::usage_table;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::price;
use mcp_audit_log::reader::{
    Breakdown, DurationCounts, Point, USAGE_FIELDS, Usage as Answer, UsageBy, UsageQuery, UsageRow, UsageSort,
    UsageStats, UsageStep, usage_range,
};
use mcp_audit_log::time::{DAY, Timestamp};
use mcp_audit_log::time_zone::TimeZone;
use mcp_audit_log::value::Value;
use mcp_audit_log_model::format;
use mcp_audit_log_model::format::{millis, percent};
use serde_json::json;

use super::Outcome;
use super::advice::Advised;
use super::common::{note, say};
use super::filter::Question;
use super::print::{Table, inert};

#[derive(Args)]
pub(super) struct Usage {
    #[command(flatten)]
    question: Question,
    /// The last days, instead of --from and --to; one day by default.
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["from", "to"], value_parser = clap::value_parser!(u16).range(1..=3_650))]
    days: Option<u16>,
    /// Break usage down by this field, or by two with a comma between them (repeatable), instead of over time.
    #[arg(long, value_name = "FIELD", value_parser = dimensions)]
    by: Vec<UsageBy>,
    /// The order of the rows of a breakdown.
    #[arg(long, default_value = "requests", value_parser = words(UsageSort::ALL, UsageSort::as_str))]
    sort: String,
    /// The number of rows, from 1 to 500.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// The time between two points; by default it suits the range.
    #[arg(long, value_parser = words(UsageStep::ALL, UsageStep::as_str))]
    step: Option<String>,
    /// Count the previous period as well.
    #[arg(long)]
    compare: bool,
    /// Show over time how many requests took how long.
    #[arg(long)]
    durations: bool,
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
        if self.format == Format::Csv && self.durations {
            return Err("a CSV table has no counts by duration; use --format json".into());
        }
        let (log, access, domain) = self.question.open()?;
        let days = self.days.map(|days| Domain::since(log.now().plus(-i64::from(days) * DAY)));
        let (range, domain) = usage_range(days.unwrap_or(Domain::TRUE).and(domain), log.now())?;
        let mut by = self.by;
        by.dedup();
        let query = UsageQuery {
            domain,
            step: self.step.as_deref().and_then(UsageStep::parse),
            by,
            sort: UsageSort::parse(&self.sort).unwrap_or_default(),
            limit: self.limit.into(),
            previous: self.compare,
            durations: self.durations,
            ..UsageQuery::over(range)
        };
        let usage = log.reader(&access).usage(query).advised(&log)?;
        match self.format {
            Format::Table => print_tables(&usage, access.zone())?,
            Format::Json => print_json(&usage)?,
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

/// The columns of stats.
const COLUMNS: [&str; 9] =
    ["REQUESTS", "ERRORS", "SUCCESS", "AVERAGE MS", "P50 MS", "P95 MS", "P99 MS", "TOKENS", "COST"];

/// The totals, then each breakdown, or the series if there is no breakdown.
fn print_tables(usage: &Answer, zone: TimeZone) -> io::Result<()> {
    let mut rows = vec![row(["all".to_owned()], &usage.totals.stats)];
    rows.extend(usage.previous.as_ref().map(|before| row(["previous period".to_owned()], &before.stats)));
    say(format_args!("{} to {}", minute(usage.covered.start, zone), minute(usage.covered.end, zone)))?;
    table(&["TOTAL"], &rows)?;
    let known = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
    let unique = usage.totals.unique.iter().map(|(field, count)| format!("{} {}", known(*count), field.name()));
    say(format_args!("distinct values: {}", unique.collect::<Vec<_>>().join(", ")))?;
    for breakdown in &usage.breakdowns {
        say("")?;
        let key = |key: &Value| if *key == Value::Unset { "-".to_owned() } else { inert(&key.to_string()) };
        let keys = |one: &UsageRow| std::iter::once(&one.key).chain(&one.second_key).map(key).collect::<Vec<_>>();
        let line = |one: &UsageRow| row(keys(one).into_iter().chain([known(one.users)]), &one.stats);
        let rows: Vec<_> = breakdown.rows.iter().map(line).collect();
        let names = breakdown.by.fields().map(|field| field.name().to_uppercase());
        let names: Vec<_> = names.chain(["USERS".to_owned()]).collect();
        table(&names.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
        if breakdown.found > rows.len() {
            say(format_args!("{} of {}; raise --limit for more", rows.len(), breakdown.found))?;
        }
    }
    if usage.breakdowns.is_empty() {
        say("")?;
        let rows: Vec<_> = usage.series.iter().map(|point| row([minute(point.from, zone)], &point.stats)).collect();
        table(&["FROM"], &rows)?;
    }
    usage.durations.as_ref().map_or(Ok(()), |counts| print_durations(usage, counts, zone))
}

/// A row for each point with requests, and a column for each class of durations between the first and the last one that
/// occurs.
fn print_durations(usage: &Answer, durations: &DurationCounts, zone: TimeZone) -> io::Result<()> {
    let classes = durations.classes();
    let limit = |class: usize| format::duration(durations.limits_us[class]);
    let name = |class: usize| if class == 0 { format!("< {}", limit(0)) } else { format!(">= {}", limit(class - 1)) };
    let columns = classes.clone().map(|class| (name(class), 20));
    let points = usage.series.iter().zip(&durations.counts).filter(|(_, counts)| counts.iter().any(|count| *count > 0));
    let row = |(point, counts): (&Point, &Vec<u64>)| {
        let counts =
            counts[classes.clone()].iter().map(|count| if *count > 0 { count.to_string() } else { String::new() });
        std::iter::once(minute(point.from, zone)).chain(counts).collect::<Vec<_>>()
    };
    let rows: Vec<_> = points.map(row).collect();
    say("\nrequests by duration")?;
    Table::new([("FROM".to_owned(), 48)].into_iter().chain(columns)).whole(&rows)
}

/// A moment in RFC 3339 to the minute, on a clock of this zone.
fn minute(at: Timestamp, zone: TimeZone) -> String {
    if zone == TimeZone::UTC { format::minute(at) } else { zone.format(at, "%Y-%m-%dT%H:%M%:z") }
}

fn table(first: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let columns = first.iter().map(|name| ((*name).to_owned(), 48));
    Table::new(columns.chain(COLUMNS.map(|name| (name.to_owned(), 20)))).whole(rows)
}

fn row(first: impl IntoIterator<Item = String>, stats: &UsageStats) -> Vec<String> {
    let [average, p50, p95, p99] = [stats.average_us, stats.p50_us, stats.p95_us, stats.p99_us]
        .map(|micros| micros.map(millis).unwrap_or_default());
    let success = (stats.requests > 0).then(|| percent(stats.requests.saturating_sub(stats.errors), stats.requests));
    let (requests, errors, tokens) = (stats.requests.to_string(), stats.errors.to_string(), stats.tokens().to_string());
    let cost = price::money(stats.cost_micros);
    let rest = [requests, errors, success.unwrap_or_default(), average, p50, p95, p99, tokens, cost];
    first.into_iter().chain(rest).collect()
}

/// The usage as one JSON object: the API's object without its ratios and links.
fn print_json(usage: &Answer) -> io::Result<()> {
    let span = |range: &std::ops::Range<Timestamp>| json!({ "from": range.start, "to": range.end });
    let breakdown = |one: &Breakdown| json!({ "by": one.by.to_string(), "found": one.found, "rows": one.rows });
    let json = json!({
        "asked": span(&usage.asked),
        "covered": span(&usage.covered),
        "complete": usage.missing.is_empty(),
        "notes": usage.missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "totals": usage.totals,
        "previous": usage.previous,
        "step": usage.step.as_str(),
        "series": usage.series,
        "durations": usage.durations,
        "breakdowns": usage.breakdowns.iter().map(breakdown).collect::<Vec<_>>(),
    });
    say(inert(&json.to_string()))
}

/// One field, or two. A language model may be called model here, as usage keeps no other.
fn dimensions(text: &str) -> Result<UsageBy, String> {
    let named = |name: &str| if name == "model" { Field::LlmModel.name() } else { name }.to_owned();
    let text = text.split(',').map(named).collect::<Vec<_>>().join(",");
    let names = USAGE_FIELDS.map(|field| -> &str { field.name() }).join(", ");
    UsageBy::parse(&text).ok_or_else(|| format!("use one of {names}, or two of them with a comma between"))
}

fn words<T: Copy>(words: &[T], name: fn(T) -> &'static str) -> PossibleValuesParser {
    PossibleValuesParser::new(words.iter().map(|word| name(*word)).collect::<Vec<_>>())
}
