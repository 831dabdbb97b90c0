//! (short: one file per subcommand) `mcp-audit-log tools`: the known tools of all MCP servers.

use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::tool_definition::KnownTool;
use serde_json::json;

use super::advice::Advised;
use super::common::{LogOptions, ViewerOptions, note};
use super::print::{Format, Table, inert, json_line};
use super::{Outcome, print};

/// The digits of a hash that the table shows; `--format json` has all.
const DIGITS: usize = 12;

#[derive(Args)]
pub(super) struct Tools {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    /// Only the tools of this server.
    #[arg(long)]
    server: Option<String>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Tools {
    pub(super) fn run(self) -> Outcome {
        let log = self.log.view()?;
        let access = log.access(&self.viewer.viewer());
        let mut tools = log.known_tools(&access).advised(&log)?;
        tools.retain(|tool| self.server.as_ref().is_none_or(|server| *server == tool.server));
        match self.format {
            Format::Json => {
                for tool in &tools {
                    let KnownTool {
                        server, tool, definitions, first_seen, changed_at, last_seen, is_gone, entry, ..
                    } = tool;
                    json_line(&json!({
                        "server": server,
                        "tool": tool,
                        "definitions": definitions,
                        "first_seen": first_seen,
                        "changed_at": changed_at,
                        "last_seen": last_seen,
                        "gone": is_gone,
                        "entry": Some(entry).filter(|entry| !entry.is_nil()),
                    }))?;
                }
            }
            Format::Table if tools.is_empty() => {
                note("No tools are known. The log knows those in listings that passed it.")
            }
            Format::Table => {
                let row = |tool: &KnownTool| {
                    let clock = |at| print::clock(at, access.zone());
                    let hash =
                        tool.definitions.first().map(|definition| definition.hash.chars().take(DIGITS).collect());
                    let state = if tool.is_gone { "gone" } else { "listed" };
                    let (server, name) = (inert(&tool.server), inert(&tool.tool));
                    let times = [clock(tool.first_seen), clock(tool.changed_at)];
                    let [first, changed] = times;
                    vec![server, name, state.to_owned(), hash.unwrap_or_default(), first, changed]
                };
                let columns =
                    [("SERVER", 24), ("TOOL", 40), ("STATE", 6), ("HASH", DIGITS), ("FIRST SEEN", 25), ("CHANGED", 25)];
                let table = Table::new(columns.map(|(name, most)| (name.to_owned(), most)));
                table.whole(&tools.iter().map(row).collect::<Vec<_>>())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
