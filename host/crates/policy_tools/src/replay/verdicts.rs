//! The verdicts of two policies on stored entries: whether the active one reproduces what was recorded, and what the
//! other would do differently.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_audit_log_contract::settings::{LOG_PAYLOADS, SettingChange, Settings};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Event, Payload};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::{Fault, Keep, Policy, Verdict};
use serde::Serialize;

use crate::recorded::{Unheld, other_action, unheld};
use crate::remade::{had_payload, remade_event};
use crate::shown;

/// The most kinds of differences that are told apart.
pub(crate) const KINDS: usize = 500;

/// How far the active policy, asked again, gives what was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calibration {
    /// Entries whose judgement can be compared: all but those on which a policy failed.
    pub entries: u64,
    /// Entries that are reproduced in all of the following.
    pub reproduced: u64,
    /// Entries whose action is the recorded one.
    pub actions: u64,
    /// Entries that hold all facts, changes and objects of the verdict.
    pub facts: u64,
    /// Entries whose payload was kept.
    pub kept_payloads: u64,
    /// The ones of them whose payload is kept again.
    pub payloads: u64,
    /// An entry that is not reproduced.
    pub witness: Option<ReplayWitness>,
}

/// An entry, and what is different about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayWitness {
    /// The entry.
    pub entry: String,
    /// What is different.
    pub text: String,
}

/// Entries that the candidate would judge otherwise, all in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerdictDifference {
    /// The part of the verdict: `action`, `payload`, `fault`, or the name of another part.
    pub part: &'static str,
    /// What the active policy says; of parts besides action, payload and fault only whether it is there.
    pub active: String,
    /// What the candidate says.
    pub candidate: String,
    /// How many entries.
    pub entries: u64,
    /// One of them.
    pub witness: String,
}

impl Calibration {
    /// Adds what was found about other entries.
    pub(crate) fn add(&mut self, other: Self) {
        let Self { entries, reproduced, actions, facts, kept_payloads, payloads, witness } = other;
        self.entries += entries;
        self.reproduced += reproduced;
        self.actions += actions;
        self.facts += facts;
        self.kept_payloads += kept_payloads;
        self.payloads += payloads;
        self.witness = self.witness.take().or(witness);
    }
}

impl VerdictDifference {
    /// What was found, the most frequent first.
    pub(crate) fn sorted(found: BTreeMap<DifferenceKey, (u64, String)>) -> Vec<Self> {
        let difference =
            |((part, active, candidate), (entries, witness))| Self { part, active, candidate, entries, witness };
        let mut differences: Vec<_> = found.into_iter().map(difference).collect();
        differences.sort_by_key(|one| std::cmp::Reverse(one.entries));
        differences
    }
}

/// A judgement of one event.
type Judged = Result<Arc<Verdict>, Fault>;

type DifferenceKey = (&'static str, String, String);

/// Two policies, and what their verdicts were so far.
pub(super) struct Verdicts<'a> {
    policies: [(&'a Policy, Settings); 2],
    /// Whether an index means the same mask in both.
    same_masks: bool,
    calibration: Calibration,
    found: BTreeMap<DifferenceKey, (u64, String)>,
    /// Differences beyond [`KINDS`].
    others: u64,
}

impl<'a> Verdicts<'a> {
    /// Settings are those in force, with payload logging on: which payloads would be kept is the question.
    pub(super) fn new(policies: [(&'a Policy, &Settings); 2]) -> Self {
        let on = |settings: &Settings| {
            let change = SettingChange { key: LOG_PAYLOADS.to_owned(), old: Value::Unset, new: true.into() };
            settings.with(&[change])
        };
        let names = |policy: &Policy| policy.manifest().masks.iter().map(|mask| mask.name.clone()).collect::<Vec<_>>();
        let same_masks = names(policies[0].0) == names(policies[1].0);
        let policies = policies.map(|(policy, settings)| (policy, on(settings)));
        Self { policies, same_masks, calibration: Calibration::default(), found: BTreeMap::new(), others: 0 }
    }

    /// Judges these entries again.
    pub(super) fn take(&mut self, entries: &[Entry]) {
        let event = |entry| Event { payload: Some(Payload::default()), ..remade_event(entry) };
        let events: Vec<_> = entries.iter().map(event).collect();
        let [active, candidate] = [0, 1].map(|at| {
            let (policy, settings) = &self.policies[at];
            policy.judge(settings, &events)
        });
        for ((entry, active), candidate) in entries.iter().zip(&active).zip(&candidate) {
            if let (Ok(verdict), None) = (active, entry.text(Field::Fault)) {
                self.calibrate(entry, verdict);
            }
            self.compare(entry, active, candidate);
        }
    }

    pub(super) fn finish(self) -> (Calibration, Vec<VerdictDifference>, u64) {
        (self.calibration, VerdictDifference::sorted(self.found), self.others)
    }

    fn calibrate(&mut self, entry: &Entry, verdict: &Verdict) {
        let masks = self.policies[0].0.masks();
        let other_action = other_action(entry, verdict);
        let fact = unheld(entry, verdict, &|name, value| masks.value(name, value));
        let is_action = other_action.is_none();
        let had_payload = had_payload(entry);
        let is_kept = verdict.keep.is_some();
        let calibration = &mut self.calibration;
        calibration.entries += 1;
        calibration.actions += u64::from(is_action);
        calibration.facts += u64::from(fact.is_none());
        calibration.kept_payloads += u64::from(had_payload);
        calibration.payloads += u64::from(had_payload && is_kept);
        if is_action && fact.is_none() && (!had_payload || is_kept) {
            calibration.reproduced += 1;
        } else if calibration.witness.is_none() {
            let text = match (other_action, fact) {
                (Some(Unheld { recorded, again, .. }), _) => {
                    format!("action {} → {}", shown::quoted(&recorded), shown::quoted(&again))
                }
                (None, Some(Unheld { part, .. })) => format!("{part} is not in the entry"),
                (None, None) => "its payload would not be kept".to_owned(),
            };
            calibration.witness = Some(ReplayWitness { entry: entry.id.to_string(), text });
        }
    }

    fn compare(&mut self, entry: &Entry, active: &Judged, candidate: &Judged) {
        let fault = |verdict: &Judged| match verdict {
            Err(fault) => Some(fault.kind.as_str()),
            Ok(verdict) => verdict.faults.first().map(|one| one.fault.kind.as_str()),
        };
        if fault(active) != fault(candidate) {
            let told = |fault: Option<&str>| fault.unwrap_or("none").to_owned();
            self.found("fault", told(fault(active)), told(fault(candidate)), entry);
        }
        let (Ok(one), Ok(other)) = (active, candidate) else { return };
        if one.action != other.action {
            self.found("action", one.action.clone(), other.action.clone(), entry);
        }
        let same_keep = match (&one.keep, &other.keep) {
            (None, None) => true,
            (Some(one), Some(other)) if self.same_masks => one == other,
            _ => false,
        };
        if !same_keep {
            let keep = |keep: Option<&Keep>, at: usize| shown::keep(keep, &self.policies[at].0.manifest().masks);
            let (one, other) = (keep(one.keep.as_ref(), 0), keep(other.keep.as_ref(), 1));
            if one != other {
                self.found("payload", one, other, entry);
            }
        }
        let set = |is: bool| (if is { "one" } else { "none" }).to_owned();
        let told = |is_one: bool, is_other: bool| match (is_one, is_other) {
            (true, true) => ("one".to_owned(), "another".to_owned()),
            (one, other) => (set(one), set(other)),
        };
        for (part, is_same, (one, other)) in [
            ("affected", one.affected == other.affected, told(one.affected.is_some(), other.affected.is_some())),
            ("model", one.model == other.model, told(one.model.is_some(), other.model.is_some())),
            ("record_id", one.record_id == other.record_id, told(one.record_id.is_some(), other.record_id.is_some())),
            ("facts", one.facts == other.facts, told(!one.facts.is_empty(), !other.facts.is_empty())),
            ("changes", one.changes == other.changes, told(!one.changes.is_empty(), !other.changes.is_empty())),
        ] {
            if !is_same {
                self.found(part, one, other, entry);
            }
        }
    }

    fn found(&mut self, part: &'static str, active: String, candidate: String, entry: &Entry) {
        let is_full = self.found.len() >= KINDS;
        let key = (part, active, candidate);
        if is_full && !self.found.contains_key(&key) {
            self.others += 1;
            return;
        }
        self.found.entry(key).or_insert_with(|| (0, entry.id.to_string())).0 += 1;
    }
}
