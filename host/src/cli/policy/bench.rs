//! `mcp-audit-log policy bench`: what a policy costs, or two by turns.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log_model::format::{bytes, count};
use mcp_audit_log_policy_tools::bench::{BenchReport, MEASURES, PolicyFigures, Spread, bench};

use super::{DEFAULT, read};
use crate::cli::Outcome;
use crate::cli::common::{note, say};
use crate::cli::print::{Table, inert, json_line};

#[derive(Args)]
pub(in crate::cli) struct Bench {
    /// The policy: a WebAssembly component, declarations in TOML, or `default`.
    #[arg(value_name = "A", default_value = DEFAULT)]
    first: PathBuf,
    /// Another one, measured by turns with the first.
    #[arg(value_name = "B")]
    second: Option<PathBuf>,
    /// An extension over the second, or over the only one (repeatable).
    #[arg(long, value_name = "FILE")]
    extend: Vec<PathBuf>,
    /// How often each is measured.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(5..))]
    rounds: u16,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Outcome {
        let mut policies = Vec::new();
        match &self.second {
            None => policies.push(read(&self.first, &self.extend)?.load()?),
            Some(second) => {
                policies.push(read(&self.first, &[])?.load()?);
                policies.push(read(second, &self.extend)?.load()?);
            }
        }
        let policies: Vec<_> = policies.iter().collect();
        let report = bench(&policies, self.rounds.into())
            .map_err(|fault| format!("{} judges no golden event: {}", fault.layer, fault.fault))?;
        if self.json {
            json_line(&report)?
        } else {
            print(&report)?
        }
        if cfg!(debug_assertions) {
            note("This is a debug build; times mean little. Build with --release.");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &BenchReport) -> io::Result<()> {
    for (policy, name) in report.policies.iter().zip(["A", "B"]) {
        say(format_args!("{name}  {}", inert(&policy.title)))?;
    }
    say("")?;
    let spread = |spread: &Spread| format!("{:.2} ({:.2}–{:.2})", spread.median, spread.low, spread.high);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (at, measure) in MEASURES.iter().enumerate() {
        let times = report.policies.iter().filter_map(|policy| policy.times.get(at));
        let ratio = report.ratios.get(at);
        rows.push(std::iter::once((*measure).to_owned()).chain(times.chain(ratio).map(spread)).collect());
    }
    rows.push(exact(report, "fuel an event", |policy| policy.fuel, count));
    rows.push(exact(report, "memory of an instance", |policy| policy.memory_bytes as u64, bytes));
    rows.push(exact(report, "size", |policy| policy.bytes as u64, bytes));
    let heads = ["", "A", "B", "B ÷ A"];
    let columns = if report.policies.len() == 2 { &heads[..] } else { &heads[..2] };
    Table::new(columns.iter().map(|name| ((*name).to_owned(), 40))).whole(&rows)
}

/// A row of what is the same in every run.
fn exact(report: &BenchReport, name: &str, value: fn(&PolicyFigures) -> u64, shown: fn(u64) -> String) -> Vec<String> {
    let values: Vec<_> = report.policies.iter().map(value).collect();
    let ratio = match values[..] {
        [first, second] => Some(format!("{:.2}", second as f64 / first.max(1) as f64)),
        _ => None,
    };
    std::iter::once(name.to_owned()).chain(values.into_iter().map(shown)).chain(ratio).collect()
}
