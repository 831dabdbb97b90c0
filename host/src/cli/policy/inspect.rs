//! `mcp-audit-log policy inspect`: what a policy declares and grants.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log_model::format::bytes;
use mcp_audit_log_policy_tools::difference::{PolicyDifference, differences};
use mcp_audit_log_policy_tools::inspect::{LayerInspection, NamedText, PolicyInspection, inspect};
use mcp_audit_log_policy_tools::shown;

use super::{FOUND, Layers, read};
use crate::cli::Outcome;
use crate::cli::common::say;
use crate::cli::print::{Table, inert, json_line};

/// The widest column, in characters.
const WIDEST: usize = 100;

#[derive(Args)]
pub(in crate::cli) struct Inspect {
    #[command(flatten)]
    layers: Layers,
    /// Tell what is different from this policy: a WebAssembly component, declarations in TOML, or `default`.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> Outcome {
        let policy = self.layers.load()?;
        let Some(against) = &self.against else {
            let inspection = inspect(&policy);
            if self.json {
                json_line(&inspection)?
            } else {
                print(&inspection)?
            }
            return Ok(ExitCode::SUCCESS);
        };
        let differences = differences(&read(against, &[])?.load()?, &policy);
        if self.json {
            json_line(&serde_json::json!({ "differences": differences }))?;
        } else if differences.is_empty() {
            say("No difference.")?;
        } else {
            let row = |one: &PolicyDifference| say(format_args!("{:<12} {}", one.part, inert(&one.text)));
            differences.iter().try_for_each(row)?;
        }
        Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}

fn print(inspection: &PolicyInspection) -> io::Result<()> {
    for (layer, what) in inspection.layers.iter().zip(std::iter::once("policy").chain(std::iter::repeat("extension"))) {
        self::layer(layer, what)?;
        say("")?;
    }
    for (name, lines) in [("overrides", &inspection.overrides), ("widens", &inspection.widenings)] {
        lines.iter().try_for_each(|text| line(name, text))?;
    }
    line("retention", &inspection.retention)?;
    let groups = inspection.groups.iter().map(|group| {
        let rights = group.rights.as_deref().map_or("the policy failed".to_owned(), shown::list);
        let rule = group.rule.clone().unwrap_or("-".to_owned());
        vec![inert(&group.name), inert(&shown::list(&group.implies)), rights, inert(&rule)]
    });
    table(["GROUP", "IMPLIES", "RIGHTS", "SEES"], groups.collect())?;
    for (head, items) in [
        (["SETTING", "DEFAULT, ALLOWED"], &inspection.settings),
        (["FILTER", "DOMAIN"], &inspection.filters),
        (["CRON", "SCHEDULE"], &inspection.crons),
        (["ACTION", "LABEL"], &inspection.actions),
        (["MASK", "HIDES"], &inspection.masks),
    ] {
        let row = |NamedText { name, text }: &NamedText| vec![inert(name), inert(text)];
        table(head, items.iter().map(row).collect())?;
    }
    Ok(())
}

fn layer(layer: &LayerInspection, what: &str) -> io::Result<()> {
    line(what, &format!("{} {}", layer.name, layer.version))?;
    if !layer.summary.is_empty() {
        line("", &layer.summary)?;
    }
    line("contract", layer.contract)?;
    line("digest", &layer.digest)?;
    line("size", &bytes(layer.bytes as u64))?;
    if !layer.modules.is_empty() {
        line("needs", &shown::list(&layer.modules))?;
    }
    if let Some(interest) = &layer.interest {
        line("interest", interest)?;
    }
    for one in &layer.depends {
        let reads = one.reads.as_deref().unwrap_or("everything, and it is asked about each event");
        line("reads", &format!("{}: {reads}", one.channel))?;
    }
    layer.access.iter().try_for_each(|text| line("access", text))?;
    layer.keeping.iter().try_for_each(|text| line("keeps", text))
}

fn line(name: &str, text: &str) -> io::Result<()> {
    say(format_args!("{name:<10} {}", inert(text)))
}

/// A table after an empty line; nothing where there is nothing.
fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: Vec<Vec<String>>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    say("")?;
    Table::new(head.map(|name| (name.to_owned(), WIDEST))).whole(&rows)
}
