//! `mcp-audit-log verify --lake`: a lake checked without the logs that wrote it.

use std::io;
use std::process::ExitCode;

use mcp_audit_log::lake::{Lake, LakeReport, LoggedRange, VerifiedLog, verify_lake};
use mcp_audit_log::ledger::VerifierKey;

use super::Outcome;
use super::check_bundle::when;
use super::common::{note, say};
use super::verify::{Progress, UNPROVED, WRONG, unread};

/// The most faults that are printed.
const PRINTED: usize = 100;

/// Checks a lake, and prints what is proved and what is not. The exit codes are those of `verify`.
pub(super) fn check(address: &str, keys: &[String]) -> Outcome {
    let keys = match keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>() {
        Ok(keys) => keys,
        Err(error) => return unread(error),
    };
    let progress = Progress::default();
    let found =
        Lake::at(address).and_then(|lake| verify_lake(&lake, &keys, &|done, all| progress.tell("lake", done, all)));
    progress.clear();
    let report = match found {
        Ok(report) => report,
        Err(error) => return unread(error),
    };
    if report.logs.is_empty() {
        return unread(format_args!("{address} has no segments"));
    }
    Ok(tell(&report, keys.is_empty())?)
}

fn tell(report: &LakeReport, own_keys: bool) -> io::Result<ExitCode> {
    let mut code = if own_keys { UNPROVED } else { 0 };
    for log in &report.logs {
        let VerifiedLog { origin, segments, entries, seqs, signed, time, absent, .. } = log;
        if *segments == 0 {
            say(format_args!("NOTHING  no segment of {origin} is proved"))?;
            continue;
        }
        let word = if own_keys { "UNPROVED" } else { "PROVED" };
        let (first, last) = (seqs.start, seqs.end - 1);
        say(format_args!(
            "{word}  {segments} segments of {origin} with {entries} entries, from seq {first} to {last}, as signed {} with \
             {signed} entries",
            when(*time)
        ))?;
        for LoggedRange { range, entry, .. } in absent {
            let range = format!("seq {} to {}", range.start, range.end - 1);
            match entry {
                Some(entry) => say(format_args!("       not in the lake: {range}; entry {entry} says why"))?,
                None => {
                    say(format_args!(
                        "UNEXPLAINED  {range} is not in the lake, and no entry in it says why: its first segments were \
                         removed, or the log had removed these entries before, and the entry about that comes with a \
                         later segment"
                    ))?;
                    code = UNPROVED;
                }
            }
        }
    }
    for fault in report.faults.iter().take(PRINTED) {
        say(format_args!("WRONG  {fault}"))?;
    }
    if report.faults.len() > PRINTED {
        say(format_args!("WRONG  and {} more", report.faults.len() - PRINTED))?;
    }
    if own_keys {
        say("A lake like this can be forged: get the logs' keys from another source and name them with --key.")?;
    }
    note(
        "Not proved: that the recorded data is true, that the lake has the newest segments of a log, and the statistics in its \
         files, by which readers skip rows.",
    );
    Ok(ExitCode::from(if report.faults.is_empty() { code } else { WRONG }))
}
