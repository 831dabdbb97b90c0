//! `mcp-audit-log policy explain`: why an entry is as it is, and who sees it.

use std::io;
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::Viewer;
use mcp_audit_log::settings::Settings;
use mcp_audit_log_policy_tools::explain::{ExplainOptions, Explanation, Grants, RuleLine, explain};
use uuid::Uuid;

use super::FOUND;
use crate::cli::Outcome;
use crate::cli::advice::entry_id;
use crate::cli::common::{LogOptions, ViewerOptions, say};
use crate::cli::print::{inert, json_line};

#[derive(Args)]
pub(in crate::cli) struct Explain {
    /// The entry's id, as `list` shows it.
    #[arg(value_name = "ENTRY", value_parser = entry_id)]
    id: Uuid,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(self) -> Outcome {
        let viewer: Viewer = self.viewer.viewer();
        let log = self.log.view()?;
        let entry = log.operators_entry(self.id)?.ok_or_else(|| format!("the log has no entry {}", self.id))?;
        let (policy, settings) = (log.policy(), log.settings());
        let mut grants = Grants::new(&policy, &settings, log.now());
        let (judge, other) = (log.judged_by(entry.seq)?, log.other_judge(entry.seq)?);
        // A policy that the command names is asked itself.
        let is_named = self.log.policy.is_some() || !self.log.extend.is_empty();
        let earlier = other.as_ref().filter(|_| !is_named).map(|record| log.policy_of(record)).transpose()?;
        let of_record = || judge.map(|record| Settings::load(&policy.manifest().settings, &record.settings));
        let settings_then = earlier.as_ref().map(|(_, settings)| settings.clone()).or_else(of_record);
        let options = ExplainOptions {
            judged_by: other.map(|record| record.title()),
            policy_then: earlier.as_ref().map(|(policy, _)| policy),
            settings_then: settings_then.as_ref(),
            discreet: false,
        };
        let explanation = explain(&mut grants, &viewer, &entry, options);
        if self.json {
            json_line(&explanation)?
        } else {
            print(&explanation)?
        }
        Ok(if explanation.access.sees { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}

fn print(explanation: &Explanation) -> io::Result<()> {
    let Explanation { name, payload, access, .. } = explanation;
    for (title, sentences) in [("ACTION", &name.text), ("PAYLOAD", &payload.text), ("ACCESS", &access.text)] {
        say(title)?;
        sentences.iter().try_for_each(|sentence| say(format_args!("  {}", inert(sentence))))?;
    }
    if access.rule.is_empty() {
        return Ok(());
    }
    say("RECORD RULE")?;
    access.rule.iter().try_for_each(|RuleLine { depth, holds, text, .. }| {
        let holds = if *holds { "met    " } else { "not met" };
        say(format_args!("  {holds} {}{}", "  ".repeat(*depth), inert(text)))
    })
}
