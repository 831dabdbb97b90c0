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
use mcp_audit_log::settings::Settings;
use mcp_audit_log::time::Timestamp;
use mcp_audit_log_model::format::count;
use mcp_audit_log_policy_tools::replay::Replay;
use mcp_audit_log_policy_tools::shadow::{Shadow, ShadowReport};

use super::replay::{print_calibration, print_verdicts};
use super::{FOUND, Layers};
use crate::cli::Outcome;
use crate::cli::advice::Failure;
use crate::cli::common::{LogOptions, Signing, note, say, stop_signal};
use crate::cli::print::{inert, json_line};

/// How often the log is looked at: another process writes it, so there is no event.
const LOOK: Duration = Duration::from_millis(500);
/// How many entries are read and judged at once, and before the end is looked for.
const STEP: u64 = 512;
/// How far behind a shadow may fall, in entries, before it skips to the newest; and how many it still judges at its end.
const BEHIND: u64 = 50_000;
const LAST: u64 = 8 * STEP;
/// How many of the newest records of what judged are looked at.
const RECORDS: usize = 64;

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
        let report = runtime.block_on(follow(&log, &candidate, end))?;
        if self.json {
            json_line(&report)?
        } else {
            print(&report)?
        }
        Ok(if report.is_same() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}

/// Follows the log until `end`, or until the command is asked to stop.
async fn follow(log: &LogView, candidate: &Policy, end: Timestamp) -> Result<ShadowReport, Failure> {
    let mut stop = std::pin::pin!(stop_signal()?);
    let next = log.seqs_between(None, None)?.end;
    let mut follower = Follower::new(log, candidate, next);
    note(format_args!("follows the log from seq {next} on; Ctrl-C ends it with its report"));
    while log.now() < end {
        let is_done = follower.step(log.seqs_between(None, None)?.end, STEP)?;
        // A long way behind, it does not rest; the signal is looked for all the same.
        let rest = if is_done { LOOK } else { Duration::ZERO };
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = tokio::time::sleep(rest) => {}
        }
    }
    follower.finish()
}

/// What judges from one `seq` on, loaded anew: it has a memory and a health of its own.
struct Era {
    since: u64,
    policy: Policy,
    settings: Settings,
    /// The settings as the candidate has them.
    candidate: Settings,
}

/// A place in the log.
struct Follower<'a> {
    log: &'a LogView,
    candidate: &'a Policy,
    next: u64,
    /// How far it may fall behind.
    behind: u64,
    era: Option<Era>,
    shadow: Shadow,
}

impl<'a> Follower<'a> {
    fn new(log: &'a LogView, candidate: &'a Policy, next: u64) -> Self {
        Self { log, candidate, next, behind: BEHIND, era: None, shadow: Shadow::new(candidate) }
    }

    /// Judges the next entries, at most `limit` of those below `end`. Returns whether all of them are judged.
    fn step(&mut self, end: u64, limit: u64) -> Result<bool, Failure> {
        let first = self.log.seqs_between(None, None)?.start;
        self.skip_to(first.max(end.saturating_sub(self.behind)).min(end));
        if self.next >= end {
            return Ok(true);
        }
        let until = self.look_up_judge()?;
        let end_of_step = end.min(until).min(self.next.saturating_add(limit));
        let entries = self.log.operators_entries(self.next..end_of_step)?;
        if let Some(Era { since, policy, settings, candidate }) = &self.era {
            let mut replay = Replay::new((policy, settings), (self.candidate, candidate), self.log.now());
            replay.take(&entries);
            let report = replay.finish();
            // Some may have been removed since.
            self.shadow.skip((end_of_step - self.next).saturating_sub(report.entries));
            self.shadow.add(*since, report);
        }
        self.next = end_of_step;
        Ok(self.next >= end)
    }

    fn skip_to(&mut self, seq: u64) {
        self.shadow.skip(seq.saturating_sub(self.next));
        self.next = self.next.max(seq);
    }

    /// Loads what judged the next entry, if it is not loaded. Returns the `seq` at which something else begins to judge.
    fn look_up_judge(&mut self) -> Result<u64, Failure> {
        let newer = self.log.judged_before(None, RECORDS)?;
        let until = newer.iter().map(|record| record.since).filter(|since| *since > self.next).min();
        let record = self.log.judged_by(self.next)?.ok_or("the log does not say what judged its entries")?;
        if self.era.as_ref().is_none_or(|era| era.since != record.since) {
            let (policy, settings) = self.log.policy_of(&record)?;
            let candidate = self.log.settings_under(self.candidate.manifest())?;
            self.era = Some(Era { since: record.since, policy: policy.on_trial(), settings, candidate });
        }
        Ok(until.unwrap_or(u64::MAX))
    }

    /// Judges what is left, unless it is too much, and returns the report.
    fn finish(mut self) -> Result<ShadowReport, Failure> {
        let end = self.log.seqs_between(None, None)?.end;
        let last = end.min(self.next.saturating_add(LAST));
        while !self.step(last, STEP)? {}
        self.skip_to(end);
        Ok(self.shadow.finish())
    }
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

#[cfg(test)]
mod tests {
    use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
    use mcp_audit_log::policy::Limits;
    use mcp_audit_log::time::{Clock, SystemClock};
    use mcp_audit_log::{AuditLog, Options};

    use super::*;

    async fn record(log: &AuditLog, events: usize) {
        for _ in 0..events {
            let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
            log.record_durably(event).await.expect("stored");
        }
    }

    #[tokio::test]
    async fn a_shadow_that_falls_behind_skips_to_the_newest_and_counts_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).own_schedule().open().expect("a log");
        record(&log, 40).await;
        let candidate = Policy::builtin(Limits::default(), SystemClock.now()).expect("the default policy");
        let end = log.view().seqs_between(None, None).expect("a range").end;
        let mut follower = Follower { behind: 15, ..Follower::new(log.view(), &candidate, 0) };
        assert!(!follower.step(end, 10).expect("read"), "there is more");
        assert_eq!(follower.next, end - 5);
        assert!(follower.step(end, 10).expect("read") && follower.step(end, 10).expect("read"));
        record(&log, 3).await;
        let report = follower.finish().expect("read");
        assert_eq!((report.entries, report.skipped), (18, end - 15));
        assert!(report.is_same() && report.active.len() == 1, "{report:?}");
    }
}
