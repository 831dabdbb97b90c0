//! A judgement that was made again beside the recorded one.

use mcp_audit_log_ledger::BundlePayload;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_sandbox::{Keep, Policy, Verdict};
use serde::Serialize;

use super::event::whole_body;
use crate::recorded::{Unheld, objects, other_action, unheld};
use crate::remade::had_payload;
use crate::shown;

/// The longest kept body, in bytes, whatever the policy asks for.
const BODY: usize = 64 << 10;
/// How much of two bodies is shown from the first difference on, in characters.
const EXCERPT: usize = 40;

/// What became of a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejudgeResult {
    /// It is the recorded one.
    Same,
    /// It is another one, and everything was there that the policy reads.
    Different,
    /// It is another one, but something that the policy reads is not in the bundle.
    Undecided,
    /// It could not be made again.
    NotJudged,
    /// The bundle contradicts itself, or lacks what it must have.
    Wrong,
}

/// The judgement of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejudgedEntry {
    /// Its `seq`.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// What became of its judgement.
    pub result: RejudgeResult,
    /// The first part that is different.
    pub part: Option<String>,
    /// What was recorded.
    pub recorded: Option<String>,
    /// What the policy says again.
    pub again: Option<String>,
    /// Why it was not judged, or what is wrong.
    pub why: Option<String>,
    /// What the policy reads of such an event and the bundle does not have, or may not have.
    pub missing: Vec<&'static str>,
    /// The `seq` from which on its record judged.
    pub judged_since: Option<u64>,
    /// The sealed entry that says that this record judged it.
    pub said_by: Option<u64>,
    /// Else the sealed entry that began the record.
    pub begun_by: Option<u64>,
    /// How many entries between that and this one are not shown. Any of them may have ended the record.
    pub hidden: u64,
    /// Whether the rule of then showed it to the viewer, if one was named and the policy could be asked.
    pub sees: Option<bool>,
}

impl RejudgedEntry {
    pub(super) fn not_judged(entry: &Entry, since: Option<u64>, result: RejudgeResult, why: String) -> Self {
        Self {
            seq: entry.seq,
            id: entry.id.to_string(),
            result,
            part: None,
            recorded: None,
            again: None,
            why: Some(why),
            missing: Vec::new(),
            judged_since: since,
            said_by: None,
            begun_by: None,
            hidden: 0,
            sees: None,
        }
    }

    pub(super) fn compared(entry: &Entry, since: u64, missing: Vec<&'static str>, unlike: Option<Unheld>) -> Self {
        let result = match &unlike {
            None => RejudgeResult::Same,
            Some(_) if missing.is_empty() => RejudgeResult::Different,
            Some(_) => RejudgeResult::Undecided,
        };
        let (part, recorded, again) = match unlike {
            Some(Unheld { part, recorded, again }) => (Some(part), Some(recorded), Some(again)),
            None => (None, None, None),
        };
        let bare = Self::not_judged(entry, Some(since), result, String::new());
        Self { part, recorded, again, missing, why: None, ..bare }
    }
}

/// The first part of a verdict that is not the recorded one.
pub(super) fn difference(
    entry: &Entry,
    payload: Option<&BundlePayload>,
    verdict: &Verdict,
    policy: &Policy,
) -> Option<Unheld> {
    let other = || {
        let mut objects = objects(verdict).into_iter();
        let (field, text) = objects.find(|(field, text)| entry.text(*field) != text.as_deref())?;
        Some(Unheld::new(field.name(), entry.text(field), text.as_deref()))
    };
    let masked = |name: &str, value| policy.masks().value(name, value);
    other_action(entry, verdict)
        .or_else(other)
        .or_else(|| unheld(entry, verdict, &masked))
        .or_else(|| other_payload(entry, payload, verdict.keep.as_ref(), policy))
}

/// What is kept of a payload that would not be, or not so. Where none was kept, the entry does not say whether there was
/// a body.
fn other_payload(
    entry: &Entry,
    payload: Option<&BundlePayload>,
    keep: Option<&Keep>,
    policy: &Policy,
) -> Option<Unheld> {
    if !had_payload(entry) {
        return None;
    }
    let Some(keep) = keep else {
        return Some(Unheld::new("payload", Some("kept"), Some("not kept")));
    };
    let longest = keep.max_bytes.min(BODY);
    for (name, body) in payload.iter().flat_map(|one| [("request", &one.request), ("response", &one.response)]) {
        if let Some(body) = body.as_ref().filter(|body| body.len() > longest) {
            let (recorded, again) = (format!("{} bytes", body.len()), format!("at most {longest} bytes"));
            return Some(Unheld::new(format!("the {name}'s body"), Some(&recorded), Some(&again)));
        }
        let Some(body) = payload.and_then(|payload| whole_body(payload, name)) else { continue };
        let (again, _) = policy.masks().body(&keep.masks, body.as_bytes());
        if again != body {
            let (recorded, again) = first_difference(body, &again);
            return Some(Unheld::new(format!("the masks of the {name}'s body"), Some(&recorded), Some(&again)));
        }
    }
    None
}

/// Both texts from their first difference on.
fn first_difference(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let from = |text: &str| shown::quoted(&text.chars().skip(same).take(EXCERPT).collect::<String>());
    (from(one), from(other))
}
