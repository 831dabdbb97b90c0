//! `mcp-audit-log policy replay`: what another policy would have done with stored entries.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use mcp_audit_log::LogView;
use mcp_audit_log::filter::{Context, end_of, start_of};
use mcp_audit_log::time_zone::TimeZone;
use mcp_audit_log::tokens::Tokens;
use mcp_audit_log_model::format::count;
use mcp_audit_log_policy_tools::replay::{
    Calibration, PersonDifference, Replay, ReplayPerson, ReplayReport, ReplayWitness, VerdictDifference, people,
    viewer_of,
};
use mcp_audit_log_policy_tools::shown::list;

use super::{FOUND, read};
use crate::cli::Outcome;
use crate::cli::advice::Failure;
use crate::cli::common::{LogOptions, say};
use crate::cli::filter::zone;
use crate::cli::print::{inert, json_line};

/// How many entries are read at once.
const STEP: u64 = 2_048;
/// The most users of entries without a token that are tried, each as a member of each group alone.
const USERS: usize = 20;
/// The most differences of a kind that are printed for people. JSON has all.
const PRINTED: usize = 20;

#[derive(Args)]
pub(in crate::cli) struct ReplayCommand {
    /// The other policy: a WebAssembly component, declarations in TOML, or `default`.
    #[arg(long, value_name = "FILE")]
    candidate: PathBuf,
    /// An extension over the other policy (repeatable): a WebAssembly component, or declarations in TOML.
    #[arg(long, value_name = "FILE")]
    candidate_extend: Vec<PathBuf>,
    /// Only entries recorded at or after this time: 2026-11-21T02:09:46Z, 2026-11-21, today, -1h, -7d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    recorded_from: Option<String>,
    /// Only entries recorded before this time; a day, such as 2026-11-21 or today, includes that day.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    recorded_to: Option<String>,
    /// The time zone whose days are meant, such as Europe/Vienna.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    tz: TimeZone,
    #[command(flatten)]
    log: LogOptions,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl ReplayCommand {
    pub(super) fn run(self) -> Outcome {
        let candidate = read(&self.candidate, &self.candidate_extend)?.load()?;
        let log = self.log.view()?;
        let context = &Context::without_viewer(log.now()).in_zone(self.tz);
        let from = self.recorded_from.as_deref().map(|text| start_of(text, context)).transpose();
        let until = self.recorded_to.as_deref().map(|text| end_of(text, context)).transpose();
        let from = from.map_err(|error| format!("--recorded-from: {error}"))?;
        let seqs = log.seqs_between(from, until.map_err(|error| format!("--recorded-to: {error}"))?)?;
        let policy = log.policy();
        let settings = [policy.as_ref(), &candidate].map(|policy| log.settings_under(policy.manifest()));
        let [active, other] = settings;
        let (active, other) = (active?, other?);
        let viewers = viewers(&log, &self.log.data)?;
        let began = Instant::now();
        let mut replay = Replay::new((&policy, &active), (&candidate, &other), log.now());
        viewers.into_iter().for_each(|person| replay.ask(person));
        let mut next = seqs.start;
        while next < seqs.end {
            let end = next.saturating_add(STEP).min(seqs.end);
            replay.take(&log.operators_entries(next..end)?);
            next = end;
        }
        let report = replay.finish();
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
        let a_second = report.entries.saturating_mul(1_000_000) / micros;
        if self.json {
            json_line(&report)?
        } else {
            print(&report, a_second)?
        }
        Ok(if report.is_same() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}

/// The viewers of all tokens, and users of entries.
fn viewers(log: &LogView, data: &std::path::Path) -> Result<Vec<ReplayPerson>, Failure> {
    let tokens = Tokens::existing(data).map(|tokens| tokens.list()).transpose()?.unwrap_or_default();
    let bearers: Vec<_> =
        tokens.iter().filter(|token| !token.is_expired(log.now())).map(|token| token.viewer()).collect();
    let users = log.operators_users(USERS + bearers.len())?;
    Ok(people(bearers, users, &log.manifest().groups, USERS))
}

fn print(report: &ReplayReport, a_second: u64) -> io::Result<()> {
    let ReplayReport { active, candidate, entries, calibration, verdicts, further_differences, people } = report;
    say(format_args!("active     {}", inert(active)))?;
    say(format_args!("candidate  {}", inert(candidate)))?;
    say(format_args!("entries    {}, {} a second", count(*entries), count(a_second)))?;
    print_calibration(calibration)?;
    print_verdicts(verdicts, *further_differences)?;
    let alike = people.alike();
    let (printed, all) = (alike.clone().take(PRINTED), alike.count());
    printed.into_iter().try_for_each(person)?;
    let more = all.saturating_sub(PRINTED) + people.left_out;
    if more > 0 {
        say(format_args!("           and {} more viewers; --json has those that were compared", count(more as u64)))?;
    }
    let same = if report.is_same() { "OK         no difference" } else { "DIFFERENT " };
    say(format_args!("{same}; {} viewers were asked about", count(people.asked as u64)))
}

/// Prints how far the active policy gives what was recorded.
pub(super) fn print_calibration(calibration: &Calibration) -> io::Result<()> {
    say(format_args!(
        "reproduced {} of {}: actions {}, facts {}, payloads {} of {}",
        count(calibration.reproduced),
        count(calibration.entries),
        count(calibration.actions),
        count(calibration.facts),
        count(calibration.payloads),
        count(calibration.kept_payloads)
    ))?;
    if let Some(ReplayWitness { entry, text }) = &calibration.witness {
        say(format_args!("           not {entry}: {}", inert(text)))?;
    }
    Ok(())
}

/// Prints what is judged otherwise.
pub(super) fn print_verdicts(verdicts: &[VerdictDifference], further: u64) -> io::Result<()> {
    for VerdictDifference { part, active, candidate, entries, witness } in verdicts.iter().take(PRINTED) {
        let (active, candidate) = (inert(active), inert(candidate));
        say(format_args!("{part:<10} {active} → {candidate}: {} entries, such as {witness}", count(*entries)))?;
    }
    let more = verdicts.len().saturating_sub(PRINTED) as u64 + further;
    if more > 0 {
        say(format_args!("           and {} more; --json has them", count(more)))?;
    }
    Ok(())
}

/// Prints what would happen to one user, in each of these groups.
fn person(alike: &[PersonDifference]) -> io::Result<()> {
    let Some(one) = alike.first() else { return Ok(()) };
    let mut what = Vec::new();
    for (verb, rights) in [("gains the rights", &one.gains_rights), ("loses the rights", &one.loses_rights)] {
        if !rights.is_empty() {
            what.push(format!("{verb} {}", list(rights)));
        }
    }
    for (verb, entries, witness) in [("gains", one.gains, &one.gained), ("loses", one.loses, &one.lost)] {
        if let Some(witness) = witness {
            what.push(format!("{verb} {} entries, such as {witness}", count(entries)));
        }
    }
    let who = viewer_of(alike);
    say(format_args!("viewer     {}: {}", inert(&who), what.join(", ")))
}
