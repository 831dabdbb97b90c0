//! The age of entries as retention counts it: only the time that signed checkpoints confirm.
//!
//! The clock alone is not trusted: one that jumps ahead by a year would empty the log. A checkpoint is signed every
//! minute, or every hour while nothing happens, so the time that has passed can be counted in small steps. A longer
//! step was either a time in which the log did not run or a jump of the clock. It counts for at most a few days, unless
//! an operator confirmed the clock.

use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_index::CheckpointTime;
use mcp_audit_log_model::time::{DAY, SECOND, Timestamp};

/// The longest step between two checkpoints that counts in full: a long weekend.
pub const LONGEST_STEP: i64 = 3 * DAY;
/// The time by which a checkpoint must be older than the retention period.
const GRACE: i64 = 3_600 * SECOND;

/// The checkpoints that prove how much time has passed.
#[derive(Clone, Debug)]
pub struct ClockEvidence {
    /// The present moment.
    pub now: Timestamp,
    /// The existing checkpoints, newest first.
    pub marks: Vec<CheckpointTime>,
    /// The newest that was published.
    pub published: u64,
    /// The number of entries that the newest archived checkpoint covers.
    pub archived: u64,
    /// The newest checkpoint for which an operator confirmed the clock.
    pub confirmed: u64,
    /// The longest step that counts in full, in microseconds.
    pub longest_step: i64,
}

impl ClockEvidence {
    /// The newest published checkpoint that is at least `age` old, in microseconds.
    fn older_than(&self, age: i64) -> Option<CheckpointTime> {
        let (mut later, mut next, mut passed) = (self.now, u64::MAX, 0_i64);
        for mark in &self.marks {
            let step = later.as_micros().saturating_sub(mark.signed_at.as_micros()).max(0);
            let counts = if next <= self.confirmed { step } else { step.min(self.longest_step) };
            passed = passed.saturating_add(counts);
            if passed >= age && mark.number <= self.published {
                return Some(*mark);
            }
            (later, next) = (mark.signed_at, mark.number);
        }
        None
    }

    /// The newest step that does not count in full: its beginning and its end.
    pub(crate) fn doubted(&self) -> Option<(Timestamp, Timestamp)> {
        let later = [CheckpointTime { number: u64::MAX, size: u64::MAX, signed_at: self.now }];
        let later = later.iter().chain(&self.marks);
        let mut steps = later.zip(&self.marks).map(|(later, mark)| (later.number, mark.signed_at, later.signed_at));
        let long = |from: Timestamp, to: Timestamp| to.as_micros().saturating_sub(from.as_micros()) > self.longest_step;
        steps.find(|(next, from, to)| *next > self.confirmed && long(*from, *to)).map(|(_, from, to)| (from, to))
    }

    fn before(&self, moment: Timestamp) -> Option<CheckpointTime> {
        let age = self.now.as_micros().saturating_sub(moment.as_micros());
        self.older_than(age.saturating_add(GRACE))
    }

    /// The `seq` below which entries from before this time may be removed, because a sufficiently old checkpoint covers
    /// them.
    pub fn below(&self, moment: Option<Timestamp>) -> u64 {
        moment.and_then(|moment| self.before(moment)).map_or(0, |mark| mark.size)
    }

    /// The same for entries. Entries after the newest archived checkpoint stay, because the next one is linked to it,
    /// and the link cannot be computed after entries on both sides of it are removed.
    pub(crate) fn entries_below(&self, moment: Option<Timestamp>) -> u64 {
        self.below(moment).min(self.archived)
    }

    /// The plan without usage that no sufficiently old checkpoint covers.
    pub(crate) fn cut(&self, plan: Plan) -> Plan {
        let cut = |moment: Timestamp| match self.before(moment) {
            // The time of signing is known to the second.
            Some(mark) => mark.signed_at.plus(SECOND).min(moment),
            None => Timestamp::from_micros(i64::MIN),
        };
        Plan { usage_before: plan.usage_before.map(cut), ..plan }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::EPOCH.plus(20_000 * DAY + day * DAY)
    }

    /// A log that signed on these days, ten entries a day, seen on the day `now`.
    fn evidence(days: &[i64], now: i64) -> ClockEvidence {
        let mark = |(at, signed): (usize, &i64)| CheckpointTime {
            number: at as u64 + 1,
            size: 10 * (at as u64 + 1),
            signed_at: day(*signed),
        };
        let mut marks: Vec<_> = days.iter().enumerate().map(mark).collect();
        marks.reverse();
        let (published, archived) = (u64::MAX, u64::MAX);
        ClockEvidence { now: day(now), marks, published, archived, confirmed: 0, longest_step: LONGEST_STEP }
    }

    fn at_most(evidence: &ClockEvidence, age: i64) -> u64 {
        evidence.entries_below(Some(evidence.now.plus(-age * DAY)))
    }

    #[test]
    fn entries_of_confirmed_age_are_removed() {
        let days: Vec<_> = (0..100).collect();
        // Day 9 was signed 90 days before day 99, and must be an hour older.
        assert_eq!(at_most(&evidence(&days, 99), 90), 90);
        assert_eq!(at_most(&ClockEvidence { published: 4, ..evidence(&days, 99) }, 90), 40, "what was published");
        assert_eq!(at_most(&ClockEvidence { published: 0, ..evidence(&days, 99) }, 90), 0);
    }

    #[test]
    fn a_clock_jump_counts_as_three_days_at_most() {
        let mut days: Vec<_> = (0..100).collect();
        let calm = at_most(&evidence(&days, 99), 90);
        for now in [499, 100_000] {
            assert_eq!(at_most(&evidence(&days, now), 90), 120, "three days more than {calm}");
        }
        // However many are signed afterwards, and once the clock is right again.
        days.extend([500, 501, 502]);
        assert_eq!(at_most(&evidence(&days, 502), 90), 140, "three days of leap, and two that passed");
        days.extend([103, 104]);
        assert_eq!(at_most(&evidence(&days, 104), 90), 150, "a step back counts for nothing");
    }

    #[test]
    fn a_long_pause_counts_once_the_clock_is_confirmed() {
        let mut days: Vec<_> = (0..10).collect();
        days.push(200);
        assert_eq!(at_most(&evidence(&days, 200), 90), 0);
        assert_eq!(evidence(&days, 200).doubted(), Some((day(9), day(200))));
        assert_eq!(at_most(&ClockEvidence { confirmed: 10, ..evidence(&days, 200) }, 90), 0, "said before it");
        assert_eq!(at_most(&ClockEvidence { confirmed: 11, ..evidence(&days, 200) }, 90), 100);
        assert_eq!(ClockEvidence { confirmed: 11, ..evidence(&days, 200) }.doubted(), None);
    }

    #[test]
    fn payloads_and_usage_age_separately_and_need_a_checkpoint() {
        let days: Vec<_> = (0..100).collect();
        assert_eq!(evidence(&days, 99).below(Some(day(89))), 890, "what was signed on day 88");
        assert_eq!((evidence(&days, 99).below(None), evidence(&[], 99).below(Some(day(9)))), (0, 0));
        let plan = Plan { usage_before: Some(day(89)), ..Plan::default() };
        assert_eq!(evidence(&days, 99).cut(plan).usage_before, Some(day(88).plus(SECOND)));
        assert!(evidence(&[], 99).cut(plan).usage_before.is_some_and(|before| before < Timestamp::EPOCH));
    }

    #[test]
    fn only_entries_below_the_newest_archived_checkpoint_are_removed() {
        let days: Vec<_> = (0..100).collect();
        let evidence = ClockEvidence { archived: 85, ..evidence(&days, 99) };
        assert_eq!(at_most(&evidence, 90), 85);
        assert_eq!(evidence.below(Some(day(9))), 90, "payloads prove nothing of the tree");
    }
}
