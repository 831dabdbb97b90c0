//! `mcp-audit-log verify --bundle --judge`: the judgements of a bundle made again, without the log that it came from.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::Viewer;
use mcp_audit_log::ledger::CheckedBundle;
use mcp_audit_log::value::Value;
use mcp_audit_log_policy_tools::rejudge::{RejudgeRecord, RejudgeReport, RejudgeResult, RejudgedEntry};
use serde::Serialize;

use super::common::{note, say};
use super::print::{inert, json_line};
use super::verify::{UNPROVED, WRONG};

/// Whether and how judgements are made again.
#[derive(Args, Clone, Debug)]
pub(super) struct RejudgeOptions {
    /// Judge the entries of the bundle again, with the policy and the settings of then, and compare. The bundle must have
    /// been made with `--with-judgement`.
    #[arg(long, requires = "bundle")]
    pub(super) judge: bool,
    /// Also say whether the record rule of then showed each entry to this user.
    #[arg(long = "as", value_name = "USER", requires = "judge")]
    viewer: Option<String>,
    /// A group of that user (repeatable).
    #[arg(long = "group", value_name = "GROUP", requires = "viewer")]
    groups: Vec<String>,
    /// The tenant of that user.
    #[arg(long, visible_alias = "tenant", value_name = "NAME", requires = "viewer")]
    instance: Option<String>,
    /// Print JSON.
    #[arg(long, requires = "judge")]
    pub(super) json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct RejudgedBundle<'a> {
    origin: &'a str,
    /// Seconds since 1970.
    signed_at: Option<u64>,
    first: u64,
    end: u64,
    /// Whether keys were named that signed it.
    is_proved: bool,
    #[serde(flatten)]
    report: &'a RejudgeReport,
}

impl RejudgeOptions {
    /// The viewer, if one is named.
    pub(super) fn viewer(&self) -> Option<Viewer> {
        let Self { viewer, groups, instance, .. } = self.clone();
        Some(Viewer { user: viewer?, groups, instance })
    }

    /// Prints what was found. The exit codes are those of `verify`.
    pub(super) fn print(&self, checked: &CheckedBundle, report: &RejudgeReport) -> io::Result<ExitCode> {
        if self.json {
            json_line(&RejudgedBundle {
                origin: &checked.origin,
                signed_at: checked.time,
                first: checked.first,
                end: checked.end,
                is_proved: !checked.own_keys,
                report,
            })?;
        } else {
            print(report, self.viewer.as_deref())?;
        }
        Ok(match (report.is_wrong(), report.is_proved() && !checked.own_keys) {
            (true, _) => ExitCode::from(WRONG),
            (false, true) => ExitCode::SUCCESS,
            (false, false) => ExitCode::from(UNPROVED),
        })
    }
}

fn print(report: &RejudgeReport, viewer: Option<&str>) -> io::Result<()> {
    policies(&report.records)?;
    let mut said_by: Vec<_> = report.entries.iter().filter_map(|entry| entry.said_by).collect();
    said_by.dedup();
    if !said_by.is_empty() {
        let entries = list(&said_by.iter().map(|seq| (*seq, *seq)).collect::<Vec<_>>());
        say(format_args!("SAID BY    seq {entries}: sealed entries of the log itself"))?;
    }
    unproved(&report.entries)?;
    let alike = report.entries.chunk_by(|one, next| line(one) == line(next));
    for (alike, (word, text)) in alike.filter_map(|alike| Some((alike, line(alike.first()?)))) {
        say(format_args!("{word:<10} {}{}", seqs(alike.iter()), inert(&text)))?;
    }
    if let Some(viewer) = viewer {
        for (sees, word) in [(Some(true), "showed"), (Some(false), "did not show"), (None, "could not be asked about")]
        {
            let entries: Vec<_> = report.entries.iter().filter(|entry| entry.sees == sees).collect();
            if !entries.is_empty() {
                let (seqs, viewer) = (seqs(entries.into_iter()), inert(viewer));
                say(format_args!("RULE       to {viewer}, the rule of then {word} {seqs}"))?;
            }
        }
    }
    lacking(&report.entries);
    note(
        "Not proved by judging again: that the event was as its entry reports it, what masks and cuts took from it, and \
         whether a fact came from its source or from the policy.",
    );
    Ok(())
}

/// What judged: the components where they change, and else the settings that do.
fn policies(records: &[RejudgeRecord]) -> io::Result<()> {
    let mut before: Option<&RejudgeRecord> = None;
    for record in records {
        let RejudgeRecord { since, components, settings, .. } = record;
        let same = before.filter(|before| before.components == *components);
        let is_new = |(key, value): &(&String, &Value)| same.is_some_and(|same| same.settings.get(*key) != Some(value));
        let changed = settings.iter().filter(is_new).map(|(key, value)| format!("{key} = {value}"));
        let changed: Vec<_> = changed.collect();
        let what = match (same, changed.is_empty()) {
            (None, _) => components.clone(),
            (Some(_), true) => "the same components, above other floors".to_owned(),
            (Some(_), false) => format!("the same components, with {}", changed.join(", ")),
        };
        say(format_args!("POLICY     from seq {since} on: {}", inert(&what)))?;
        before = Some(record);
    }
    Ok(())
}

/// The entries for which nothing proves what judged them.
fn unproved(entries: &[RejudgedEntry]) -> io::Result<()> {
    let is_unsaid = |entry: &&RejudgedEntry| entry.said_by.is_none() && entry.result != RejudgeResult::Wrong;
    let unsaid: Vec<_> = entries.iter().filter(is_unsaid).collect();
    for alike in unsaid.chunk_by(|one, next| one.begun_by == next.begun_by) {
        let hidden = alike.iter().map(|entry| entry.hidden).max().unwrap_or_default();
        let why = match alike.first().and_then(|entry| entry.begun_by) {
            Some(by) => format!(
                "entry {by} began what judged them; up to {hidden} entries since are not shown, and any of them may have \
                 ended it. A bundle made after the next stop of the log, or with everything shown, proves it"
            ),
            None => "no entry in the bundle says what judged them".to_owned(),
        };
        say(format_args!("UNPROVED   {}: {why}", seqs(alike.iter().copied())))?;
    }
    Ok(())
}

/// What policies read and the bundle may lack, of all entries whose judgement is the recorded one nevertheless.
fn lacking(entries: &[RejudgedEntry]) {
    let mut parts: BTreeMap<&str, u64> = BTreeMap::new();
    let same = entries.iter().filter(|entry| entry.result == RejudgeResult::Same);
    same.flat_map(|entry| &entry.missing).for_each(|part| *parts.entry(part).or_default() += 1);
    if !parts.is_empty() {
        let parts: Vec<_> = parts.iter().map(|(part, entries)| format!("{part} (of {entries} entries)")).collect();
        note(format_args!(
            "The policies also read what a bundle may lack: {}. The judgements are the recorded ones without it.",
            parts.join(", ")
        ));
    }
}

/// The word for an entry, and what follows its `seq`.
fn line(entry: &RejudgedEntry) -> (&'static str, String) {
    let RejudgedEntry { result, part, recorded, again, why, missing, .. } = entry;
    let lacking = match missing.is_empty() {
        true => String::new(),
        false => format!("; the policy reads {}, which the bundle may lack", missing.join(", ")),
    };
    let difference = || {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        format!(": {}: {} was recorded, {} again{lacking}", or_none(part), or_none(recorded), or_none(again))
    };
    let why = || format!(": {}", why.as_deref().unwrap_or_default());
    match result {
        RejudgeResult::Same => ("SAME", String::new()),
        RejudgeResult::Different => ("DIFFERENT", difference()),
        RejudgeResult::Undecided => ("UNDECIDED", difference()),
        RejudgeResult::NotJudged => ("NOT JUDGED", why()),
        RejudgeResult::Wrong => ("WRONG", why()),
    }
}

/// Their `seq`s, neighbours as ranges.
fn seqs<'a>(entries: impl Iterator<Item = &'a RejudgedEntry>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for seq in entries.map(|entry| entry.seq) {
        match ranges.last_mut().filter(|last| last.1 + 1 == seq) {
            Some(last) => last.1 = seq,
            None => ranges.push((seq, seq)),
        }
    }
    format!("seq {}", list(&ranges))
}

fn list(ranges: &[(u64, u64)]) -> String {
    let range = |(from, to): &(u64, u64)| if from == to { from.to_string() } else { format!("{from} to {to}") };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}
