//! `mcp-audit-log policy check`: typical mistakes, each found by trying.

use std::io;
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log_model::format::{bytes, count};
use mcp_audit_log_policy_tools::check::{CheckReport, check};

use super::{FOUND, Layers, read};
use crate::cli::Outcome;
use crate::cli::common::say;
use crate::cli::print::{inert, json_line};

#[derive(Args)]
pub(in crate::cli) struct Check {
    #[command(flatten)]
    layers: Layers,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Outcome {
        let components = read(&self.layers.policy, &self.layers.extend)?;
        // What cannot be loaded is a mistake of the policy; what cannot be read is none.
        let policy = match components.load() {
            Ok(policy) => policy,
            Err(refusal) => {
                let text = inert(&refusal.to_string());
                if self.json {
                    json_line(&serde_json::json!({ "findings": [{ "rule": "load", "what": text }] }))?;
                } else {
                    say(format_args!("FINDING  load: {text}"))?;
                }
                return Ok(ExitCode::from(FOUND));
            }
        };
        let report = check(&policy);
        if self.json {
            json_line(&report)?
        } else {
            print(&report)?
        }
        Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}

fn print(report: &CheckReport) -> io::Result<()> {
    for finding in &report.findings {
        let times = if finding.count == 1 { String::new() } else { format!("; {} times", finding.count) };
        let (layer, what, witness) = (inert(&finding.layer), inert(&finding.what), inert(&finding.witness));
        say(format_args!("FINDING  {}: {layer}: {what} ({witness}{times})", finding.rule))?;
        say(format_args!("         {}", finding.advice))?;
    }
    report.notes.iter().try_for_each(|note| say(format_args!("note     {}", inert(note))))?;
    let result = if report.findings.is_empty() { "OK      " } else { "WRONG   " };
    let found = match report.findings.len() {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        more => format!("{more} findings"),
    };
    say(format_args!("{result} {}: {found}", inert(&report.policy)))?;
    say(format_args!(
        "         {} events, {} viewers, {} values of settings in {} ms; at p99 an event takes {} fuel and {}",
        report.events,
        report.viewers,
        report.settings,
        report.millis,
        count(report.fuel_p99),
        bytes(report.memory_p99 as u64)
    ))
}
