//! A shadow on its way through a log: its candidate judges entries as they are recorded, beside what judged them.
//!
//! It reads, and changes nothing. Where the candidate is slower than the log grows, entries are skipped and counted.

use std::ops::Range;

use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_index::StoreError;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_sandbox::Policy;
use mcp_audit_log_service::{LogView, OpenError};

use crate::replay::Replay;
use crate::shadow::{Shadow, ShadowReport};

/// How many entries are read and judged in a step.
const STEP: u64 = 512;
/// How far behind a shadow may fall, in entries, before it skips to the newest.
const BEHIND: u64 = 50_000;
/// How many steps it still takes at its end.
const LAST: usize = 8;
/// How many of the newest records of what judged are looked at.
const RECORDS: usize = 64;

/// Why a shadow cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What judged cannot be loaded.
    #[error(transparent)]
    Judge(#[from] OpenError),
    /// What judged is not known.
    #[error("the log does not say what judged its entries")]
    Unknown,
    /// The viewer's entries cannot be read.
    #[error("{0}")]
    Entries(String),
}

/// Reads the entries of a range of `seq`, or those of them that a viewer sees.
pub type ReadRange<'a> = dyn FnMut(Range<u64>) -> Result<Vec<Entry>, ShadowError> + 'a;

/// What judges from one `seq` on, loaded anew: it has a memory and a health of its own.
struct Era {
    since: u64,
    policy: Policy,
    settings: Settings,
    /// The settings as the candidate has them.
    candidate: Settings,
}

/// A candidate and its place in a log.
pub struct ShadowFollower {
    candidate: Policy,
    next: u64,
    /// How many entries a step has.
    length: u64,
    /// How far it may fall behind.
    behind: u64,
    era: Option<Era>,
    shadow: Shadow,
}

impl ShadowFollower {
    /// Follows `log` from its newest entry on.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn new(log: &LogView, candidate: Policy) -> Result<Self, ShadowError> {
        Ok(Self::from_seq(log.seqs_between(None, None)?.end, candidate))
    }

    fn from_seq(next: u64, candidate: Policy) -> Self {
        let shadow = Shadow::new(&candidate);
        Self { candidate, next, length: STEP, behind: BEHIND, era: None, shadow }
    }

    /// The `seq` of the next entry.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Judges the next entries. Returns whether there are no more at present.
    ///
    /// # Errors
    /// They cannot be read, or what judged them cannot be loaded.
    pub fn step(&mut self, log: &LogView, read: &mut ReadRange<'_>) -> Result<bool, ShadowError> {
        let seqs = log.seqs_between(None, None)?;
        self.skip_to(seqs.start.max(seqs.end.saturating_sub(self.behind)).min(seqs.end));
        if self.next >= seqs.end {
            return Ok(true);
        }
        let until = self.look_up_judge(log)?;
        let end = seqs.end.min(until).min(self.next.saturating_add(self.length));
        let entries = read(self.next..end)?;
        if let Some(Era { since, policy, settings, candidate }) = &self.era {
            let mut replay = Replay::new((policy, settings), (&self.candidate, candidate), log.now());
            replay.take(&entries);
            let report = replay.finish();
            // Some may have been removed since, or are not seen by the viewer.
            self.shadow.skip((end - self.next).saturating_sub(report.entries));
            self.shadow.add(*since, report);
        }
        self.next = end;
        Ok(self.next >= seqs.end)
    }

    fn skip_to(&mut self, seq: u64) {
        self.shadow.skip(seq.saturating_sub(self.next));
        self.next = self.next.max(seq);
    }

    /// Loads what judged the next entry, if it is not loaded. Returns the `seq` at which something else begins to judge.
    fn look_up_judge(&mut self, log: &LogView) -> Result<u64, ShadowError> {
        let newer = log.judged_before(None, RECORDS)?;
        let until = newer.iter().map(|record| record.since).filter(|since| *since > self.next).min();
        let record = log.judged_by(self.next)?.ok_or(ShadowError::Unknown)?;
        if self.era.as_ref().is_none_or(|era| era.since != record.since) {
            let (policy, settings) = log.policy_of(&record)?;
            let candidate = log.settings_under(self.candidate.manifest())?;
            self.era = Some(Era { since: record.since, policy: policy.on_trial(), settings, candidate });
        }
        Ok(until.unwrap_or(u64::MAX))
    }

    /// Judges what is left, unless it is too much: the rest is counted as skipped.
    ///
    /// # Errors
    /// As for a step.
    pub fn finish(&mut self, log: &LogView, read: &mut ReadRange<'_>) -> Result<(), ShadowError> {
        for _ in 0..LAST {
            if self.step(log, read)? {
                return Ok(());
            }
        }
        self.skip_to(log.seqs_between(None, None)?.end);
        Ok(())
    }

    /// What was found so far.
    pub fn report(&self) -> ShadowReport {
        self.shadow.report()
    }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail};
    use mcp_audit_log_model::time::{Clock, SystemClock};
    use mcp_audit_log_sandbox::Limits;
    use mcp_audit_log_service::{AuditLog, Options};

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
        let view = log.view();
        let end = view.seqs_between(None, None).expect("a range").end;
        let mut read = |seqs| Ok(view.operators_entries(seqs)?);
        let mut follower = ShadowFollower { behind: 15, length: 10, ..ShadowFollower::from_seq(0, candidate) };
        assert!(!follower.step(view, &mut read).expect("read"), "there is more");
        assert_eq!((follower.next(), follower.report().entries), (end - 5, 10));
        assert!(follower.step(view, &mut read).expect("read") && follower.step(view, &mut read).expect("read"));
        record(&log, 3).await;
        follower.finish(view, &mut read).expect("read");
        let report = follower.report();
        assert_eq!((report.entries, report.skipped), (18, end - 15));
        assert!(report.is_same() && report.active.len() == 1, "{report:?}");
    }
}
