//! The one deletion path: it removes entries in chunks, if the policy's plan and the legal holds allow it. One entry
//! before the run and one after it report it.

use std::time::{Duration, Instant};

mod clock_evidence;

pub use clock_evidence::{ClockEvidence, LONGEST_STEP};

use crate::recorder::{Recorder, RecorderControl, Running};
use mcp_audit_log_contract::hold;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_index::{Pruned, Removal, StoreError, StoreReader};
use mcp_audit_log_model::event::{Channel, Event, Failure, Kind, OutcomeDetail};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_sandbox::{Plan, Policy};

/// The pause after a step, in multiples of the step's duration, so that recording has the writer most of the time.
const REST: u32 = 3;
/// The longest pause, so that a slow disk does not prolong the cleanup without bound.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// The parts that a cleanup is about to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanupIntent {
    /// The policy's plan. Policies do not know about holds.
    plan: Plan,
    /// A jump of the clock that is not trusted. Entries that are old only because of it stay.
    doubted: Option<(Timestamp, Timestamp)>,
    /// The time from which holds keep entries.
    held: Option<Timestamp>,
    /// The run removes no entry at or above the first `seq` and no payload at or above the second, as it announced
    /// before it began.
    entries_below: u64,
    payloads_below: u64,
    /// The number of entries to remove, estimated before the run.
    pub expected: u64,
    /// The sink for which entries stay that are old enough.
    kept_for: Option<String>,
}

/// A sink that has not got all entries yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkHold {
    /// Its name.
    pub name: String,
    /// It has everything below this `seq`.
    pub watermark: u64,
    /// The time for which entries stay for it beyond their own, in microseconds.
    pub longest: i64,
}

/// The `seq` below which entries, and payloads before their entries, may be removed whatever their age. Without a
/// checkpoint that covers them, their existence could not be proved afterwards.
#[derive(Clone, Copy, Debug)]
struct Cover {
    entries: u64,
    payloads: u64,
}

impl Cover {
    const ALL: Self = Self { entries: u64::MAX, payloads: u64::MAX };
}

/// The result of a cleanup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanupReport {
    intent: CleanupIntent,
    /// Entries removed.
    pub entries: u64,
    /// Payloads removed.
    pub payloads: u64,
}

/// Decides what may be removed at `now`.
///
/// # Errors
/// A sentence: the policy or the store failed, and nothing was deleted.
pub fn plan(
    policy: &Policy,
    settings: &Settings,
    files: &StoreReader,
    now: Timestamp,
) -> Result<CleanupIntent, String> {
    let plan = policy.retention(settings, now).map_err(|fault| format!("nothing was deleted: {fault}"))?;
    measured(plan, Cover::ALL, files).map_err(|error| format!("nothing was deleted: {error}"))
}

/// What a cleanup would remove, at most. Evidence, and doubts about the clock, may keep more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupPreview {
    /// The number of entries.
    pub entries: u64,
    /// The number of entries that stay and would lose the payloads that they may have.
    pub payloads: u64,
    /// The entries were recorded before this.
    pub before: Option<Timestamp>,
}

/// What a cleanup at `now` would remove under these settings.
///
/// # Errors
/// A sentence: the policy or the store failed.
pub fn preview(
    policy: &Policy,
    settings: &Settings,
    files: &StoreReader,
    now: Timestamp,
) -> Result<CleanupPreview, String> {
    let CleanupIntent { plan, held, entries_below, payloads_below, expected, .. } = plan(policy, settings, files, now)?;
    let (_, first_payload) = files.prune_points().map_err(|error| error.to_string())?;
    let payloads = payloads_below.saturating_sub(first_payload.max(entries_below));
    Ok(CleanupPreview { entries: expected, payloads, before: hold::cut(plan, held).entries_before })
}

fn measured(plan: Plan, cover: Cover, files: &StoreReader) -> Result<CleanupIntent, StoreError> {
    let held = files.held_from()?;
    let (first, first_payload) = files.prune_points()?;
    let may = hold::cut(plan, held);
    let up_to = |before: Option<Timestamp>, covered: u64, first: u64| -> Result<u64, StoreError> {
        let kept = before.map_or(Ok(first), |before| files.seq_at(before))?;
        Ok(kept.min(covered).max(first))
    };
    let entries_below = up_to(may.entries_before, cover.entries, first)?;
    // Payloads go with their entries at the latest.
    let payloads_below = up_to(may.payloads_before, cover.payloads, first_payload)?.max(entries_below);
    let expected = entries_below - first;
    Ok(CleanupIntent { plan, held, entries_below, payloads_below, expected, ..CleanupIntent::default() })
}

/// A running cleanup. It removes entries chunk by chunk, so that recording continues in between. A hold that is placed
/// meanwhile stops it.
pub struct CleanupRun {
    /// The announced plan: releasing a hold during the run removes nothing more.
    announced: Plan,
    report: CleanupReport,
    /// While it exists, the metrics report a running cleanup.
    _running: Running,
}

impl CleanupRun {
    /// A run that has not removed anything yet.
    pub fn begin(intent: CleanupIntent, recorder: &Recorder) -> Self {
        let announced = hold::cut(intent.plan, intent.held);
        let report = CleanupReport { intent, ..CleanupReport::default() };
        Self { announced, report, _running: recorder.gauges().cleanup.begin() }
    }

    /// Removes a chunk. Returns the pause before the next chunk; `None` if nothing is left to remove.
    ///
    /// # Errors
    /// A sentence: the store failed.
    pub fn step(&mut self, files: &StoreReader, recorder: &Recorder) -> Result<Option<Duration>, String> {
        self.report.intent.held = files.held_from().map_err(|error| error.to_string())?;
        let CleanupIntent { entries_below, payloads_below, held, .. } = self.report.intent.clone();
        let removal = Removal { plan: hold::cut(self.announced, held), entries_below, payloads_below };
        let begun = Instant::now();
        let Pruned { entries, payloads, more } = recorder.prune(removal).map_err(|error| error.to_string())?;
        recorder.gauges().cleanup.removed(entries, payloads);
        self.report.entries += entries;
        self.report.payloads += payloads;
        Ok(more.then(|| (begun.elapsed() * REST).min(LONGEST_REST)))
    }

    /// The numbers of removed entries and payloads so far.
    pub fn report(&self) -> CleanupReport {
        self.report.clone()
    }
}

impl CleanupIntent {
    /// Whether an archived checkpoint that covers more would allow more to be removed.
    pub fn lacks_archived(&self, evidence: &ClockEvidence) -> bool {
        evidence.below(self.plan.entries_before).min(self.entries_below) > evidence.archived
    }

    /// The same run without entries that no sufficiently old checkpoint covers.
    ///
    /// # Errors
    /// A sentence: the store failed, and nothing was deleted.
    pub fn witnessed(self, evidence: &ClockEvidence, files: &StoreReader) -> Result<Self, String> {
        let Plan { entries_before, payloads_before, .. } = self.plan;
        let cover =
            Cover { entries: evidence.entries_below(entries_before), payloads: evidence.below(payloads_before) };
        let cut =
            measured(evidence.cut(self.plan), cover, files).map_err(|error| format!("nothing was deleted: {error}"))?;
        let is_less = (cut.entries_below, cut.payloads_below) != (self.entries_below, self.payloads_below);
        let doubted = evidence.doubted().filter(|_| is_less);
        Ok(Self { doubted, ..cut })
    }

    /// The same run without entries that a sink does not have yet, as long as it may keep them. Payloads do not wait.
    ///
    /// # Errors
    /// A sentence: the store failed, and nothing was deleted.
    pub fn kept_for_sinks(mut self, sinks: &[SinkHold], files: &StoreReader) -> Result<Self, String> {
        let Some(before) = hold::cut(self.plan, self.held).entries_before else { return Ok(self) };
        for SinkHold { name, watermark, longest } in sinks {
            if *watermark >= self.entries_below {
                continue;
            }
            let bound = files.seq_at(before.plus(longest.saturating_neg()));
            let below = bound.map_err(|error| format!("nothing was deleted: {error}"))?.max(*watermark);
            if below < self.entries_below {
                let stays = self.entries_below - below;
                self.expected = self.expected.saturating_sub(stays);
                (self.entries_below, self.kept_for) = (below, Some(name.clone()));
            }
        }
        Ok(self)
    }

    /// The time from which a hold keeps entries that the policy would remove.
    fn stopped_at(&self) -> Option<Timestamp> {
        self.held.filter(|_| hold::cut(self.plan, self.held) != self.plan)
    }

    fn facts(&self, mut event: Event) -> Event {
        let plan = hold::cut(self.plan, self.held);
        let moments = [
            ("entries_before", plan.entries_before),
            ("payloads_before", plan.payloads_before),
            ("usage_before", plan.usage_before),
            ("held_from", self.stopped_at()),
            ("clock_doubted_from", self.doubted.map(|(from, _)| from)),
            ("clock_doubted_to", self.doubted.map(|(_, to)| to)),
        ];
        for (name, moment) in moments {
            // A moment before all entries is not worth reporting.
            if let Some(moment) = moment.filter(|moment| *moment >= Timestamp::EPOCH) {
                event = event.fact(name, moment.to_string());
            }
        }
        match &self.kept_for {
            Some(sink) => event.fact("kept_for_sink", sink.as_str()),
            None => event,
        }
    }
}

impl CleanupReport {
    /// The run in one sentence.
    pub fn message(&self) -> String {
        let removed = format!("{} entries and {} payloads removed", self.entries, self.payloads);
        let held = self.intent.stopped_at();
        let held = held.map(|held| format!("; a legal hold keeps everything recorded from {held} on"));
        let doubted = self.intent.doubted.map(|(from, to)| {
            format!(
                "; the clock jumped from {from} to {to}, so entries are kept longer until an admin confirms the clock"
            )
        });
        let kept = self.intent.kept_for.as_ref();
        let kept = kept.map(|sink| format!("; entries stay that the sink {sink} has not got yet"));
        [Some(removed), held, doubted, kept].into_iter().flatten().collect()
    }
}

/// The entry about a run that will begin at `began`. It announces everything that the run may remove.
pub fn started(cron: &str, began: Timestamp, intent: &CleanupIntent) -> Event {
    let event = event("retention.started", cron, began, OutcomeDetail::Ok);
    let event = intent.facts(event).fact("expected", count(intent.expected));
    event.fact("payloads_expected_below", count(intent.payloads_below))
}

/// Adds where the log begins now: the `seq` of the first entry, and of the first payload, that may still exist.
pub fn begins(event: Event, (entries, payloads): (u64, u64)) -> Event {
    event.fact("first_place", count(entries)).fact("payloads_first_place", count(payloads))
}

/// The entry about a run that began at `began` and has ended.
pub fn ended(cron: &str, began: Timestamp, result: &Result<CleanupReport, String>) -> Event {
    match result {
        Ok(report) => report
            .intent
            .facts(event("retention.completed", cron, began, OutcomeDetail::Ok))
            .fact("entries", count(report.entries))
            .fact("payloads", count(report.payloads)),
        Err(error) => Event {
            failure: Some(Failure { kind: "retention".to_owned(), message: error.clone(), code: None }),
            ..event("retention.failed", cron, began, OutcomeDetail::Incomplete)
        },
    }
}

fn event(method: &str, cron: &str, began: Timestamp, detail: OutcomeDetail) -> Event {
    let event = Event::new(began, Channel::System, Kind::System, detail).fact("cron", cron);
    Event { method: Some(method.to_owned()), ..event }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
