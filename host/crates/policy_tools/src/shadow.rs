//! What a candidate would do with entries as they are recorded: replays of few entries each, added up while a log grows.
//!
//! It holds counts and one entry for each kind of difference, so it takes little memory however long it lasts.

use std::collections::BTreeMap;

use mcp_audit_log_sandbox::Policy;
use serde::Serialize;

use crate::replay::{Calibration, KINDS, ReplayReport, VerdictDifference};
use crate::shown::title;

/// The most changes of the active policy, or of its settings, that are told apart.
const JUDGES: usize = 100;

/// What a shadow found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShadowReport {
    /// The candidate's name, version and digest.
    pub candidate: String,
    /// What judged meanwhile; the first 100.
    pub active: Vec<ShadowedPolicy>,
    /// How many entries were compared.
    pub entries: u64,
    /// How many were recorded meanwhile and not compared, because the candidate was too slow for them, or because they
    /// came at the end.
    pub skipped: u64,
    /// How far the active policy, asked again, gives what was recorded.
    pub calibration: Calibration,
    /// What the candidate judges otherwise, the most frequent first.
    pub verdicts: Vec<VerdictDifference>,
    /// Differences of further kinds, which are only counted.
    pub further_differences: u64,
}

/// A policy that judged meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShadowedPolicy {
    /// Its name, version and digest, and those of its extensions.
    pub title: String,
    /// The `seq` since which it judges with its settings.
    pub since: u64,
    /// How many entries were compared with it.
    pub entries: u64,
}

/// A shadow that is not over.
#[derive(Debug)]
pub struct Shadow {
    report: ShadowReport,
    /// By part, active and candidate: how many entries, and one of them.
    found: BTreeMap<(&'static str, String, String), (u64, String)>,
}

impl ShadowReport {
    /// Whether the candidate would have done the same with all that was compared.
    pub fn is_same(&self) -> bool {
        self.verdicts.is_empty() && self.further_differences == 0
    }
}

impl Shadow {
    /// The shadow of a candidate.
    pub fn new(candidate: &Policy) -> Self {
        Self::called(title(candidate))
    }

    fn called(candidate: String) -> Self {
        Self { report: ShadowReport { candidate, ..ShadowReport::default() }, found: BTreeMap::new() }
    }

    /// Counts entries that were recorded and are not compared.
    pub fn skip(&mut self, entries: u64) {
        self.report.skipped += entries;
    }

    /// Adds a replay of entries that the policy judged that judges since `since`.
    pub fn add(&mut self, since: u64, replay: ReplayReport) {
        let ReplayReport { active, entries, calibration, verdicts, further_differences, .. } = replay;
        let report = &mut self.report;
        report.entries += entries;
        report.further_differences += further_differences;
        report.calibration.add(calibration);
        let is_full = report.active.len() >= JUDGES;
        match report.active.last_mut().filter(|last| last.since == since) {
            Some(last) => last.entries += entries,
            None if is_full => {}
            None => report.active.push(ShadowedPolicy { title: active, since, entries }),
        }
        for VerdictDifference { part, active, candidate, entries, witness } in verdicts {
            let (key, is_full) = ((part, active, candidate), self.found.len() >= KINDS);
            match self.found.get_mut(&key) {
                Some((count, _)) => *count += entries,
                None if is_full => report.further_differences += entries,
                None => drop(self.found.insert(key, (entries, witness))),
            }
        }
    }

    /// What was found so far.
    pub fn report(&self) -> ShadowReport {
        ShadowReport { verdicts: VerdictDifference::sorted(self.found.clone()), ..self.report.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{PeopleComparison, ReplayWitness};

    fn replay(active: &str, differences: &[(&str, u64, &str)]) -> ReplayReport {
        let difference = |(candidate, entries, witness): &(&str, u64, &str)| VerdictDifference {
            part: "action",
            active: "tool.called".to_owned(),
            candidate: (*candidate).to_owned(),
            entries: *entries,
            witness: (*witness).to_owned(),
        };
        let witness = Some(ReplayWitness { entry: active.to_owned(), text: "action".to_owned() });
        ReplayReport {
            active: active.to_owned(),
            candidate: "candidate".to_owned(),
            entries: 10,
            calibration: Calibration { entries: 10, reproduced: 9, witness, ..Calibration::default() },
            verdicts: differences.iter().map(difference).collect(),
            further_differences: 1,
            people: PeopleComparison::default(),
        }
    }

    #[test]
    fn replays_add_up_by_what_judged_and_by_kind() {
        let mut shadow = Shadow::called("candidate".to_owned());
        shadow.add(3, replay("old", &[("a", 2, "first"), ("b", 1, "second")]));
        shadow.add(3, replay("old", &[("b", 4, "third")]));
        shadow.skip(7);
        shadow.add(40, replay("new", &[("c", 1, "fourth")]));
        let report = shadow.report();
        let judges = report.active.iter().map(|one| (one.title.as_str(), one.since, one.entries));
        assert_eq!(judges.collect::<Vec<_>>(), [("old", 3, 20), ("new", 40, 10)]);
        assert_eq!((report.entries, report.skipped, report.further_differences), (30, 7, 3));
        assert_eq!((report.calibration.entries, report.calibration.reproduced), (30, 27));
        assert_eq!(report.calibration.witness.as_ref().map(|witness| witness.entry.as_str()), Some("old"), "the first");
        let told = report.verdicts.iter().map(|one| (one.candidate.as_str(), one.entries, one.witness.as_str()));
        assert_eq!(told.collect::<Vec<_>>(), [("b", 5, "second"), ("a", 2, "first"), ("c", 1, "fourth")]);
        assert!(!report.is_same());
    }

    #[test]
    fn its_memory_is_bounded_and_what_is_beyond_is_counted() {
        let mut shadow = Shadow::called("candidate".to_owned());
        for number in 0..2 * KINDS as u64 {
            shadow.add(number, replay("active", &[(&format!("action{number}"), 2, "entry")]));
        }
        let report = shadow.report();
        assert_eq!((report.verdicts.len(), report.active.len()), (KINDS, JUDGES));
        assert_eq!(report.further_differences, 2 * KINDS as u64 + 2 * KINDS as u64);
        assert!(report.entries == 20 * KINDS as u64 && !report.is_same());
    }
}
