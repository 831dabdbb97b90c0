//! What another policy would have done with stored entries, and who would see which of them.
//!
//! Events are made again from entries, and both policies judge the same events. So a difference is one of the policies,
//! also where an event could not be made again as it was; the calibration says how often that is so.

mod people;
mod verdicts;

use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_sandbox::Policy;
use serde::Serialize;

use crate::shown;

use self::people::People;
use self::verdicts::Verdicts;
use crate::explain::Grants;

pub use self::people::{PeopleComparison, PersonDifference, ReplayPerson, people, viewer_of};
pub(crate) use self::verdicts::KINDS;
pub use self::verdicts::{Calibration, ReplayWitness, VerdictDifference};

/// A policy and the settings under which it is asked.
pub type PolicyAndSettings<'a> = (&'a Policy, &'a Settings);

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// The active policy's name, version and digest.
    pub active: String,
    /// The same of the candidate.
    pub candidate: String,
    /// How many entries were replayed.
    pub entries: u64,
    /// How far the active policy reproduces them.
    pub calibration: Calibration,
    /// What the candidate judges otherwise, the most frequent first.
    pub verdicts: Vec<VerdictDifference>,
    /// Differences of further kinds, which are only counted.
    pub further_differences: u64,
    /// Who would gain or lose rights or entries.
    pub people: PeopleComparison,
}

impl ReplayReport {
    /// Whether the candidate would have done, and would show, the same.
    pub fn is_same(&self) -> bool {
        self.verdicts.is_empty()
            && self.further_differences == 0
            && self.people.differences.is_empty()
            && self.people.left_out == 0
    }
}

/// A replay that takes entries, any number at once.
pub struct Replay<'a> {
    titles: [String; 2],
    verdicts: Verdicts<'a>,
    people: People<'a>,
    entries: u64,
}

impl<'a> Replay<'a> {
    /// A replay of the active policy and of a candidate, each with the settings in force, at `now`.
    pub fn new(active: PolicyAndSettings<'a>, candidate: PolicyAndSettings<'a>, now: Timestamp) -> Self {
        let grants = [active, candidate].map(|(policy, settings)| Grants::new(policy, settings, now));
        Self {
            titles: [active.0, candidate.0].map(shown::title),
            verdicts: Verdicts::new([active, candidate]),
            people: People::new(grants),
            entries: 0,
        }
    }

    /// Asks both policies about a viewer. Entries that were replayed before are not compared for this viewer.
    pub fn ask(&mut self, person: ReplayPerson) {
        self.people.ask(person);
    }

    /// Replays these entries.
    pub fn take(&mut self, entries: &[Entry]) {
        self.verdicts.take(entries);
        self.people.take(entries);
        self.entries += entries.len() as u64;
    }

    /// What was found.
    pub fn finish(self) -> ReplayReport {
        let [active, candidate] = self.titles;
        let (calibration, verdicts, further_differences) = self.verdicts.finish();
        let people = self.people.finish();
        ReplayReport { active, candidate, entries: self.entries, calibration, verdicts, further_differences, people }
    }
}
