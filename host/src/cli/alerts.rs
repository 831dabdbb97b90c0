//! (short: one file per subcommand) `mcp-audit-log alerts`: the alerts of a viewer, and whether they are raised.

use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::AlertStatus;
use serde_json::json;

use super::advice::Advised;
use super::common::{LogOptions, ViewerOptions, note};
use super::print::{Format, Table, inert, json_line};
use super::{Outcome, print};

#[derive(Args)]
pub(super) struct Alerts {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    /// Only those that are raised.
    #[arg(long)]
    raised: bool,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// The search of the view, as in a URL of the pages.
fn query(status: &AlertStatus) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(&status.query).finish().replace('+', "%20")
}

impl Alerts {
    pub(super) fn run(self) -> Outcome {
        let log = self.log.view()?;
        let access = log.access(&self.viewer.viewer());
        let mut alerts = log.alerts(&access).advised(&log)?;
        alerts.retain(|status| !self.raised || status.alert.raised.is_some());
        let condition = |status: &AlertStatus| status.alert.condition.sentence(status.alert.minutes);
        match self.format {
            Format::Json => {
                for status in &alerts {
                    json_line(&json!({
                        "view": Some(status.alert.view).filter(|view| !view.is_nil()),
                        "name": status.name,
                        "query": query(status),
                        "condition": condition(status),
                        "raised_at": status.alert.raised.map(|(at, _)| at),
                        "raised_entry": status.alert.raised.map(|(_, entry)| entry),
                    }))?;
                }
            }
            Format::Table => {
                let rows: Vec<_> = alerts
                    .iter()
                    .map(|status| {
                        let raised = status.alert.raised;
                        let since = raised.map_or("-".to_owned(), |(at, _)| print::clock(at, access.zone()));
                        let entry = raised.map_or("-".to_owned(), |(_, entry)| entry.to_string());
                        vec![inert(&status.name), condition(status), since, entry]
                    })
                    .collect();
                let columns = [("ALERT", 40), ("CONDITION", 48), ("RAISED SINCE", 25), ("ENTRY", 36)];
                match rows.is_empty() {
                    true => note("No alerts. An alert belongs to the owner of its view: choose the viewer with --as."),
                    false => Table::new(columns.map(|(name, most)| (name.to_owned(), most))).whole(&rows)?,
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
