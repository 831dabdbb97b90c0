//! The segments for the lake, one after another: which entries each has, and what proves them.

use std::ops::Range;
use std::sync::{Arc, Weak};

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_core::reader::InternalReads;
use mcp_audit_log_core::sink::{Backoff, Feed, SinkError};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_lake::{DAY_SECONDS, LAKE_SINK, Lake, SEGMENT_ENTRIES, Segment, SegmentBuilder, SegmentRange};
use mcp_audit_log_ledger::SignedCheckpoint;
use mcp_audit_log_model::time::{SECOND, Timestamp};

use super::SinkOptions;
use super::state::FeedState;
use crate::{Inner, OpenError};

/// How long after the end of a period the log waits for entries that were recorded before it, in seconds.
const LATE: u32 = 60;
/// The number of entries that are read at once.
const STEP: usize = 4_096;

/// What a lake gets.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    pub(super) sink: SinkOptions,
    pub(super) lake: Lake,
    close_seconds: u32,
    pub(super) keep_days: Option<u32>,
}

impl LakeOptions {
    /// All entries of the log go to `lake`, from the first on, in segments. `viewer` must be one who may read and export all
    /// of them; the policy is asked before each segment.
    pub fn new(lake: Lake, viewer: Viewer) -> Self {
        let sink = SinkOptions::new(LAKE_SINK, viewer).destination(format!("lake at {}", lake.address()));
        Self { sink, lake, close_seconds: DAY_SECONDS, keep_days: None }
    }

    /// A segment has at most the entries of so many seconds, and is sealed when they are over; a day by default. Periods
    /// are counted from midnight UTC, where one ends in any case.
    pub fn close_seconds(mut self, seconds: u32) -> Self {
        self.close_seconds = seconds.clamp(1, DAY_SECONDS);
        self
    }

    /// The cleanup removes segments that are so many days old, whatever the policy keeps in the log; by default none. Legal
    /// holds keep them.
    pub fn keep_days(mut self, days: u32) -> Self {
        self.keep_days = Some(days);
        self
    }

    /// See [`SinkOptions::hold_days`].
    pub fn hold_days(mut self, days: u32) -> Self {
        self.sink = self.sink.hold_days(days);
        self
    }

    /// Other pauses after a failure, for tests.
    #[doc(hidden)]
    pub fn pauses(mut self, pauses: Backoff) -> Self {
        self.sink = self.sink.pauses(pauses);
        self
    }

    pub(crate) fn sink(&self) -> &SinkOptions {
        &self.sink
    }

    /// The end of the period of `moment`.
    fn period_end(&self, moment: Timestamp) -> Timestamp {
        let (day, period) = (i64::from(DAY_SECONDS) * SECOND, i64::from(self.close_seconds) * SECOND);
        let midnight = moment.as_micros().div_euclid(day) * day;
        let passed = (moment.as_micros() - midnight) / period + 1;
        Timestamp::from_micros(midnight + (passed * period).min(day))
    }
}

/// The segments of a log. It does not keep the log open.
///
/// Where a segment ends follows from its entries alone, so that a segment that is made again after a kill has the same name.
pub(super) struct SegmentFeed {
    log: Weak<Inner>,
    options: LakeOptions,
    at: FeedState,
}

impl SegmentFeed {
    /// The feed from the stored watermark on.
    pub(super) fn new(log: &Arc<Inner>, options: &LakeOptions) -> Result<Self, OpenError> {
        let at = FeedState::new(log, &options.sink, Some("lake.began"))?;
        Ok(Self { log: Arc::downgrade(log), options: options.clone(), at })
    }

    fn read(&mut self, log: &Inner) -> Result<Option<Segment>, SinkError> {
        if self.at.is_unstored() {
            self.at.store(log)?;
        }
        let first = log.view.files.prune_points().map_err(failed)?.0;
        if first > self.at.watermark {
            self.at.gap(log, first);
            self.at.store(log)?;
        }
        match self.next_range(log)? {
            Some(seqs) => self.seal(log, seqs).map(Some),
            None => Ok(None),
        }
    }

    /// The entries of the next segment; `None` while it may get more.
    fn next_range(&self, log: &Inner) -> Result<Option<Range<u64>>, SinkError> {
        // The clock is read first: what is recorded while this looks must not end a period.
        let (now, first, files) = (log.view.now(), self.at.watermark, &log.view.files);
        let next = *log.recorder.gauges().next().borrow();
        let begun = files.entries_in(&Domain::TRUE, first..next.max(first), 1).map_err(failed)?;
        let Some(begun) = begun.first().map(|entry| entry.recorded_at) else { return Ok(None) };
        let full = (first / SEGMENT_ENTRIES + 1) * SEGMENT_ENTRIES;
        let until = self.options.period_end(begun);
        let over = files.seq_at(until).map_err(failed)?;
        let late = i64::from(LATE.min(self.options.close_seconds)) * SECOND;
        // Times of recording never go back.
        let is_over = over < next || now >= until.plus(late);
        let end = if full <= over { full } else { over };
        let is_sealed = if full <= over { next >= full } else { is_over };
        Ok((is_sealed && first < end).then_some(first..end))
    }

    fn seal(&self, log: &Inner, seqs: Range<u64>) -> Result<Segment, SinkError> {
        let checkpoint = covering(log, seqs.end)?;
        let keys = log.view.files.verifiers().map_err(failed)?;
        let range = log.view.files.tree(|_, nodes| SegmentRange::new(seqs.clone(), checkpoint, keys, nodes));
        let mut segment = SegmentBuilder::new(range.map_err(failed)?).map_err(failed)?;
        let access = log.view.access(&self.options.sink.viewer);
        let reader = log.view.reader(&access);
        while let Some(next) = segment.next_seq() {
            let entries = reader.entries_in(&Domain::TRUE, next..seqs.end, STEP).map_err(failed)?;
            let expected = (next..).zip(&entries).find(|(seq, entry)| *seq != entry.seq).map(|(seq, _)| seq);
            if let Some(missing) = expected.or_else(|| entries.is_empty().then_some(next)) {
                let groups = self.options.sink.viewer.groups.join(", ");
                return Err(SinkError::Failed(format!(
                    "entry {missing} cannot be read as a user of {groups}, and a lake needs every entry: give it groups that \
                     see all of them"
                )));
            }
            entries.iter().try_for_each(|entry| segment.add(entry)).map_err(failed)?;
        }
        segment.seal(log.view.now()).map_err(SinkError::Failed)
    }
}

/// The newest checkpoint; one is signed if none covers the entries below `end`.
fn covering(log: &Inner, end: u64) -> Result<SignedCheckpoint, SinkError> {
    let newest = || log.view.files.newest_checkpoint().map_err(failed);
    let mut found = newest()?;
    if found.as_ref().is_none_or(|found| found.checkpoint.size < end) {
        log.sign().map_err(failed)?;
        found = newest()?;
    }
    let found = found.filter(|found| found.checkpoint.size >= end);
    let found = found.ok_or_else(|| SinkError::Failed("no checkpoint covers the segment yet".to_owned()))?;
    SignedCheckpoint::parse(found.checkpoint.note.as_bytes()).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> SinkError {
    SinkError::Failed(error.to_string())
}

impl Feed<Segment> for SegmentFeed {
    fn next(&mut self) -> Result<Option<Segment>, SinkError> {
        match self.log.upgrade() {
            Some(log) => self.read(&log),
            None => Ok(None),
        }
    }

    fn watermark(&self) -> u64 {
        self.at.watermark
    }

    fn arrived(&mut self, segment: &Segment) {
        let Some(log) = self.log.upgrade() else { return };
        self.at.answered(&log);
        (self.at.watermark, self.at.owes) = (segment.manifest().end, true);
        if let Err(error) = self.at.store(&log) {
            tracing::warn!("{}; the lake waits for it", error.reason());
        }
    }

    /// A lake refuses nothing for good.
    fn refused(&mut self, _: &Segment, reason: &str) -> u64 {
        self.failed(&SinkError::Failed(reason.to_owned()));
        0
    }

    fn arrived_partly(&mut self, segment: &Segment, _: u64, reason: &str) {
        tracing::warn!(first = segment.manifest().first, reason, "a segment arrived in part; it is sent again");
    }

    fn failed(&mut self, error: &SinkError) {
        let Some(log) = self.log.upgrade() else { return };
        if self.at.failed(&log, error)
            && let Err(error) = self.at.store(&log)
        {
            tracing::warn!("{}; retrying", error.reason());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_at_their_multiples_and_at_midnight() {
        let moment = |text: &str| Timestamp::parse(text).expect("a time");
        let lake = Lake::at("/srv/lake").expect("an address");
        let options = LakeOptions::new(lake, Viewer::new("sink:lake", ["auditor"]));
        for (seconds, at, end) in [
            (DAY_SECONDS, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            (DAY_SECONDS, "2026-01-01T23:59:59.999999Z", "2026-01-02T00:00:00Z"),
            (3_600, "2026-01-01T10:59:00Z", "2026-01-01T11:00:00Z"),
            (3_600, "2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z"),
            (50_000, "2026-01-01T14:00:00Z", "2026-01-02T00:00:00Z"),
            (0, "1969-12-31T23:59:58.5Z", "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(options.clone().close_seconds(seconds).period_end(moment(at)), moment(end), "{seconds} {at}");
        }
    }
}
