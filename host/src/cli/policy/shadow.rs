//! `mcp-audit-log policy shadow`: a candidate judges entries as they are recorded, beside the active policy.
//!
//! It follows the log's files from another process, as a reader: it cannot change what is recorded, and recording waits
//! for nothing of it. Where the candidate is slower than the log grows, entries are skipped and counted.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mcp_audit_log::LogView;
use mcp_audit_log::policy::Policy;
use mcp_audit_log::time::Timestamp;
use mcp_audit_log_model::format::count;
use mcp_audit_log_policy_tools::follower::ShadowFollower;
use mcp_audit_log_policy_tools::shadow::ShadowReport;

use super::replay::{print_calibration, print_verdicts};
use super::{FOUND, Layers};
use crate::cli::Outcome;
use crate::cli::advice::Failure;
use crate::cli::common::{LogOptions, Signing, note, say, stop_signal};
use crate::cli::print::{inert, json_line};

/// How often the log is looked at: another process writes it, so there is no event.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(in crate::cli) struct ShadowCommand {
    #[command(flatten)]
    candidate: Layers,
    /// How long: 24h, 7d, 90m, or until a time such as 2026-11-21T02:09:46Z.
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    length: String,
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    data: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl ShadowCommand {
    pub(super) fn run(self) -> Outcome {
        let candidate = self.candidate.load()?;
        let data = self.data.clone();
        let log = LogOptions { data, policy: None, extend: Vec::new(), signing: Signing::default() }.view()?;
        let end = Timestamp::parse_ahead(self.length.trim(), log.now());
        let end = end.ok_or("--for: give a duration such as 24h, or a time such as 2026-11-21T02:09:46Z")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let report = runtime.block_on(follow(&log, candidate, end))?;
        if self.json {
            json_line(&report)?
        } else {
            print(&report)?
        }
        Ok(if report.is_same() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}

/// Follows the log until `end`, or until the command is asked to stop.
async fn follow(log: &LogView, candidate: Policy, end: Timestamp) -> Result<ShadowReport, Failure> {
    let mut stop = std::pin::pin!(stop_signal()?);
    let mut read = |seqs| Ok(log.operators_entries(seqs)?);
    let mut follower = ShadowFollower::new(log, candidate)?;
    note(format_args!("follows the log from seq {} on; Ctrl-C ends it with its report", follower.next()));
    while log.now() < end {
        // A long way behind, it does not rest; the signal is looked for all the same.
        let rest = if follower.step(log, &mut read)? { LOOK } else { Duration::ZERO };
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = tokio::time::sleep(rest) => {}
        }
    }
    follower.finish(log, &mut read)?;
    Ok(follower.report())
}

fn print(report: &ShadowReport) -> io::Result<()> {
    let ShadowReport { candidate, active, entries, skipped, calibration, verdicts, further_differences } = report;
    say(format_args!("candidate  {}", inert(candidate)))?;
    for one in active {
        let (title, entries) = (inert(&one.title), count(one.entries));
        say(format_args!("active     {title} since seq {}: {entries} entries", one.since))?;
    }
    say(format_args!("entries    {}, and {} not compared", count(*entries), count(*skipped)))?;
    print_calibration(calibration)?;
    print_verdicts(verdicts, *further_differences)?;
    say(if report.is_same() { "OK         no difference" } else { "DIFFERENT" })
}
