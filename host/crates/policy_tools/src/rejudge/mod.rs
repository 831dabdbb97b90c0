//! Judgements made again from a bundle, without the log: the components and settings of then judge the events of then,
//! and the verdicts are compared with the entries.
//!
//! Everything comes from a file that may be forged. Components are compiled anew and run within the host's limits; what
//! they cost is bounded. That the components and settings are those of then is what sealed entries say, not the file.

mod compare;
mod event;
mod evidence;
mod judges;

use std::collections::BTreeMap;
use std::ops::Range;

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_ledger::{BundleEntry, JudgementPart, JudgementRecord};
use mcp_audit_log_model::time::Timestamp;
use serde::Serialize;

use self::evidence::{Bound, Evidence};
use self::judges::Judges;

pub use self::compare::{RejudgeResult, RejudgedEntry};
pub use self::judges::RejudgeRecord;

/// The most components, and their bytes together.
const COMPONENTS: usize = 64;
const COMPONENT_BYTES: usize = 512 << 20;
/// The most records.
const RECORDS: usize = 100_000;

/// What a bundle carries to make its judgements again.
#[derive(Debug, Default)]
pub struct RejudgeParts {
    records: BTreeMap<u64, JudgementRecord>,
    components: BTreeMap<String, Vec<u8>>,
    evidence: Evidence,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejudgeReport {
    /// What judged, in order.
    pub records: Vec<RejudgeRecord>,
    /// The shown entries, in order.
    pub entries: Vec<RejudgedEntry>,
}

impl RejudgeParts {
    /// Takes a part. It must have been proved with its bundle.
    ///
    /// # Errors
    /// It is there twice, or there are more than a log makes.
    pub fn add(&mut self, part: JudgementPart) -> Result<(), String> {
        match part {
            JudgementPart::Record(since, record) => {
                if self.records.insert(since, record).is_some() {
                    return Err(format!("what judged from seq {since} on is there twice"));
                }
            }
            JudgementPart::Component(digest, bytes) => {
                if self.components.insert(digest.clone(), bytes).is_some() {
                    return Err(format!("the component {digest} is there twice"));
                }
            }
            JudgementPart::Sealed(entry) => self.evidence.add(&entry),
        }
        let bytes: usize = self.components.values().map(Vec::len).sum();
        match self.components.len() > COMPONENTS || bytes > COMPONENT_BYTES || self.records.len() > RECORDS {
            true => Err(format!(
                "there are more than {RECORDS} records, {COMPONENTS} components or {COMPONENT_BYTES} bytes of them"
            )),
            false => Ok(()),
        }
    }

    /// Takes what a shown entry of the bundle itself says about what judges.
    pub fn add_shown(&mut self, entry: &BundleEntry) {
        entry.entry().iter().for_each(|entry| self.evidence.add(entry));
    }

    /// Whether the bundle was made with judgements.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Makes judgements again, entry by entry.
pub struct Rejudge<'a> {
    parts: &'a RejudgeParts,
    judges: Judges<'a>,
    viewer: Option<&'a Viewer>,
    /// The first `seq` of the bundle.
    first: u64,
    /// The entries that are not shown, as ranges in order, and how many are before each.
    hidden: Vec<(Range<u64>, u64)>,
    entries: Vec<RejudgedEntry>,
}

impl<'a> Rejudge<'a> {
    /// Judges again what a bundle shows that begins at `first`. With a viewer, also says whether the rule of then showed
    /// each entry to the viewer.
    pub fn new(parts: &'a RejudgeParts, first: u64, viewer: Option<&'a Viewer>, now: Timestamp) -> Self {
        let judges = Judges::new(&parts.components, now);
        Self { parts, judges, viewer, first, hidden: Vec::new(), entries: Vec::new() }
    }

    /// Takes the next entry of the bundle.
    pub fn take(&mut self, line: &BundleEntry) {
        let seq = line.seq;
        let Some(entry) = line.entry() else {
            match self.hidden.last_mut().filter(|(last, _)| last.end == seq) {
                Some((last, _)) => last.end = seq + 1,
                None => self.hidden.push((seq..seq + 1, self.hidden_to(seq))),
            }
            return;
        };
        let Some((since, record)) = self.parts.records.range(..=seq).next_back() else {
            let why = "the bundle does not have what judged it";
            self.entries.push(RejudgedEntry::not_judged(&entry, None, RejudgeResult::Wrong, why.to_owned()));
            return;
        };
        let judge = self.judges.of(*since, record);
        let mut judged = judge.judge(&entry, line.payload.as_ref(), *since);
        judged.sees = self.viewer.and_then(|viewer| judge.sees(viewer, &entry));
        let digest = judge.digest().to_owned();
        match self.parts.evidence.of(seq, *since, &digest, |after| self.hidden_since(after)) {
            Bound::Said(by) => judged.said_by = Some(by),
            Bound::Begun(by, hidden) => (judged.begun_by, judged.hidden) = (Some(by), hidden),
            Bound::Nothing => {}
            Bound::Other(by) => {
                let why = format!(
                    "entry {by} says that something else judged it than the bundle has: other components, settings, or another beginning"
                );
                judged = RejudgedEntry::not_judged(&entry, Some(*since), RejudgeResult::Wrong, why);
            }
        }
        self.entries.push(judged);
    }

    /// How many entries are not shown behind this one so far, those before the bundle included.
    fn hidden_since(&self, after: u64) -> u64 {
        self.first.saturating_sub(after + 1) + self.hidden_to(u64::MAX) - self.hidden_to(after)
    }

    /// How many entries are not shown up to `seq`.
    fn hidden_to(&self, seq: u64) -> u64 {
        let at = self.hidden.partition_point(|(range, _)| range.start <= seq);
        let last = at.checked_sub(1).and_then(|at| self.hidden.get(at));
        last.map_or(0, |(range, before)| before + range.end.min(seq.saturating_add(1)) - range.start)
    }

    /// What was found.
    pub fn finish(self) -> RejudgeReport {
        RejudgeReport { records: self.judges.finish(), entries: self.entries }
    }
}

impl RejudgeReport {
    /// Whether an entry or a component is not what it must be.
    pub fn is_wrong(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.result, RejudgeResult::Different | RejudgeResult::Wrong))
    }

    /// Whether each judgement is the recorded one, and a sealed entry says what judged it.
    pub fn is_proved(&self) -> bool {
        self.entries.iter().all(|entry| entry.result == RejudgeResult::Same && entry.said_by.is_some())
    }
}
